"""Checks template.yaml and infra/*.yaml: what cfn-lint says, and the classes of
mistakes that it does not see, on the template as SAM transforms it. Needs no
account and no network. Run by make check-template; .ci/template_mistakes.py
proves that each of its seeded mistakes is caught."""

import copy
import functools
import json
import os
import re
import sys
import zoneinfo
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
import cfnlint
import cfnlint.api
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
FILES = ["template.yaml", "infra/network.yaml", "infra/database.yaml", "infra/observability.yaml"]
# The zones of the lake that the pipeline writes, as pipeline/lake names them.
OUTPUTS = [
    "data/f/b/part-0000.parquet", "data/f/b/objects/x.csv", "curated/f/_manifest.json", "curated/f/_manifests/0000000001-x.json",
    "curated/f/_symlink/manifest", "quarantine/f/b/rejects.csv", "quarantine/raw/f/b/raw.jsonl", "quarantine/raw/f/b/ranges/parts.json",
    "reports/f/b/report.json", "archive/f/x.csv", "archive/landing/x.csv", "flags.json", "reports/landing/b/report.json",
]
INPUTS = ["landing/f/x.csv", "landing/f/day=1/x.csv.gz", "landing/f/a b+ü.jsonl", "landing/f/x.parquet", "landing/f/set/_SUCCESS"]


def load():
    docs = {}
    for name in FILES:
        docs[name] = yaml_parse((ROOT / name).read_text())
    docs["asl"] = json.loads((ROOT / "infra/statemachine/large-file.asl.json").read_text())
    return docs


class _Policies:
    def load(self):
        return {}


def transformed(doc):
    """The template as CloudFormation gets it from SAM."""
    doc = copy.deepcopy(doc)
    doc["Resources"] = {k: v for k, v in doc["Resources"].items()}
    for r in doc["Resources"].values():
        p = r.get("Properties", {})
        for key in ("CodeUri", "DefinitionUri"):
            if isinstance(p.get(key), str):
                p[key] = "s3://bucket/" + p[key].strip("/")
    parameters = {k: v.get("Default", "x") for k, v in doc.get("Parameters", {}).items()}
    return transform(doc, parameters, _Policies())


def of(doc, kind):
    return {k: v for k, v in doc.get("Resources", {}).items() if v.get("Type") == kind}


def props(r):
    return r.get("Properties", {})


def ref(v):
    """The logical id that a value refers to, "" where it refers to none."""
    if isinstance(v, dict) and len(v) == 1:
        (op, arg), = v.items()
        if op == "Ref":
            return arg
        if op == "Fn::GetAtt":
            return arg[0] if isinstance(arg, list) else arg.split(".")[0]
        if op == "Fn::If":
            return ref(arg[1]) or ref(arg[2])
    return ""


def alternatives(v):
    """A value, or both sides of the conditions in it."""
    if isinstance(v, dict) and "Fn::If" in v:
        return alternatives(v["Fn::If"][1]) + alternatives(v["Fn::If"][2])
    if isinstance(v, dict) and v.get("Ref") == "AWS::NoValue":
        return []
    return [v]


def as_list(v):
    return v if isinstance(v, list) else [v]


def walk(v, path=()):
    yield path, v
    if isinstance(v, dict):
        for k, x in v.items():
            yield from walk(x, path + (k,))
    elif isinstance(v, list):
        for i, x in enumerate(v):
            yield from walk(x, path + (i,))


def number(doc, v):
    """A number, or the default of the parameter that stands for one, or of the
    condition's yes."""
    for a in alternatives(v):
        name = ref(a)
        if name:
            return number(doc, doc["Parameters"].get(name, {}).get("Default"))
        if isinstance(a, (int, float)):
            return a
        if isinstance(a, str) and re.fullmatch(r"[0-9.]+", a):
            return float(a)
    return None


# --- parameters -------------------------------------------------------------------


def parameters(name, doc):
    for k, p in doc.get("Parameters", {}).items():
        where = f"{name}: parameter {k}"
        if not p.get("Description"):
            yield f"{where} has no description"
        if p.get("NoEcho"):
            yield f"{where} is a secret; take the ARN of one instead"
        d = p.get("Default")
        if name == "template.yaml" and d is None:
            yield f"{where} has no default"
        if p["Type"] == "Number" and d is not None:
            if not (p.get("MinValue", d) <= d <= p.get("MaxValue", d)):
                yield f"{where}: the default {d} is out of bounds"
            if "AllowedValues" not in p and ("MinValue" not in p or "MaxValue" not in p):
                yield f"{where} has no bounds"
        if "AllowedValues" in p and d is not None and d not in p["AllowedValues"]:
            yield f"{where}: the default {d} is not allowed"
        if "AllowedPattern" in p:
            try:
                ok = re.search(p["AllowedPattern"], str(d or "")) is not None
            except re.error as e:
                yield f"{where}: the pattern does not compile: {e}"
                continue
            if d is not None and not ok:
                yield f"{where}: the default {d!r} does not match its pattern"
            if not p.get("ConstraintDescription"):
                yield f"{where}: its pattern is explained to nobody"
    if name == "template.yaml":
        pattern = doc["Parameters"]["DatabaseUrl"]["AllowedPattern"]
        if re.search(pattern, "postgres://user:secret@host/db"):
            yield "template.yaml: DatabaseUrl takes a password, which every reader of the function's variables would see"
        grouped = {p for g in doc["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"] for p in g["Parameters"]}
        for k in doc["Parameters"]:
            if k not in grouped:
                yield f"template.yaml: parameter {k} is in no group"


# --- functions --------------------------------------------------------------------


def functions(src):
    for k, f in of(src, "AWS::Serverless::Function").items():
        uri = props(f).get("CodeUri", "")
        if not re.fullmatch(r"functions/[a-z]+/", uri) or not (ROOT / uri / "main.go").is_file():
            yield f"{k}: CodeUri {uri} is no function of this repository"
        meta = f.get("Metadata") or {}
        if meta.get("BuildMethod") != "go1.x":
            yield f"{k}: BuildMethod {meta.get('BuildMethod')} does not build Go"
        if not (meta.get("BuildProperties") or {}).get("TrimGoPath"):
            yield f"{k}: the build is not reproducible (TrimGoPath)"


def lambdas(src, doc):
    known = set(re.findall(r"^\| `([A-Z_]+)` ", (ROOT / "docs/configuration.md").read_text(), re.M))
    schema = next(iter(of(doc, "AWS::CloudFormation::CustomResource")), "")
    for k, f in of(doc, "AWS::Lambda::Function").items():
        p = props(f)
        if p.get("Runtime") != "provided.al2023" or p.get("Handler") != "bootstrap" or p.get("Architectures") != ["arm64"]:
            yield f"{k}: runtime, handler or architecture is not that of the build"
        if not (1 <= p.get("Timeout", 0) <= 900):
            yield f"{k}: timeout {p.get('Timeout')} is out of bounds"
        if not (128 <= p.get("MemorySize", 0) <= 10240):
            yield f"{k}: memory {p.get('MemorySize')} is out of bounds"
        if ref(p.get("LoggingConfig", {}).get("LogGroup")) not in of(doc, "AWS::Logs::LogGroup"):
            yield f"{k}: logs have no group, so they are kept for ever"
        if not p.get("KmsKeyArn"):
            yield f"{k}: variables cannot be encrypted by a key of one's own"
        if "VpcConfig" not in p or set(map(str, alternatives(p["VpcConfig"]))) == set():
            yield f"{k}: the network cannot be chosen"
        elif {"Ref": "AWS::NoValue"} not in [x for _, x in walk(p["VpcConfig"])]:
            yield f"{k}: needs a VPC in every deployment"
        env = p.get("Environment", {}).get("Variables", {})
        for name, value in env.items():
            if name not in known:
                yield f"{k}: variable {name} is not in docs/configuration.md"
            text = json.dumps(value)
            if "{{resolve:" in text:
                yield f"{k}: variable {name} holds a secret"
            if re.search(r"PASSWORD|KEY", name) and not re.search(r"secretsmanager:|iam:", text):
                yield f"{k}: variable {name} holds a secret"
        for q in ("ASSAY_LAKE", "ASSAY_STORE", "ASSAY_QUEUE", "ASSAY_QUEUE_REPLAY", "ASSAY_EVENTS", "ASSAY_METRICS"):
            if q not in env:
                yield f"{k}: variable {q} is missing"
        if k != "MigrateFunction" and schema not in as_list(f.get("DependsOn", [])):
            yield f"{k}: may take traffic before the schema is brought up (DependsOn)"
        if k not in {ref(props(a).get("FunctionName")) for a in of(doc, "AWS::Lambda::Alias").values()}:
            yield f"{k}: has no alias to shift traffic by"
        if not alternatives(p.get("ReservedConcurrentExecutions", {"Ref": "AWS::NoValue"})):
            yield f"{k}: cannot reserve concurrency"
    for k, r in of(doc, "AWS::CloudFormation::CustomResource").items():
        if not any("Version" in str(x) for x in as_list(props(r).get("Version", ""))):
            yield f"{k}: does not run again when the migrations change (Version)"
        if props(r).get("ServiceTimeout", 0) < props(doc["Resources"]["MigrateFunction"])["Timeout"]:
            yield f"{k}: gives up before the migration may"


def releases(src, doc):
    canaries = of(doc, "AWS::CodeDeploy::DeploymentConfig")
    for k, c in canaries.items():
        t = props(c).get("TrafficRoutingConfig", {})
        pct = number(src, t.get("TimeBasedCanary", {}).get("CanaryPercentage"))
        if t.get("Type") != "TimeBasedCanary" or pct is None or not 1 <= pct <= 5:
            yield f"{k}: the canary gets {pct} percent, not 1 to 5"
    alarms = of(doc, "AWS::CloudWatch::Alarm")
    for k in ("IngestFunction", "ParseFunction", "ApiFunction"):
        pref = props(src["Resources"][k]).get("DeploymentPreference") or {}
        if ref(pref.get("Type")) not in canaries:
            yield f"{k}: a release takes all traffic at once"
        if not pref.get("Alarms"):
            yield f"{k}: no alarm rolls a release back"
        for a in pref.get("Alarms", []):
            dims = [ref(d["Value"]) for d in props(alarms.get(ref(a), {})).get("Dimensions", [])]
            if dims != [k]:
                yield f"{k}: its release is rolled back by the alarm of {dims}"


# --- queues -----------------------------------------------------------------------


def queues(src, doc):
    qs = of(doc, "AWS::SQS::Queue")
    dead = {ref(props(q).get("RedrivePolicy", {}).get("deadLetterTargetArn")) for q in qs.values()}
    watched = json.dumps(props(src["Resources"]["Observability"]).get("Parameters", {}))
    for k, q in qs.items():
        p = props(q)
        if not p.get("SqsManagedSseEnabled") or not p.get("KmsMasterKeyId"):
            yield f"{k}: is not encrypted, or not by a key of one's own"
        if k in dead or k == "ClockDead":
            if p.get("MessageRetentionPeriod") != 1209600:
                yield f"{k}: dead letters are not kept for 14 days"
            if f'"{k}.' not in watched and f'"{k}"' not in watched and f"[\"{k}\"" not in watched:
                yield f"{k}: no alarm looks at these dead letters"
            continue
        r = p.get("RedrivePolicy", {})
        if ref(r.get("deadLetterTargetArn")) not in qs:
            yield f"{k}: has no dead letters"
        if not 3 <= int(r.get("maxReceiveCount", 0)) <= 20:
            yield f"{k}: maxReceiveCount {r.get('maxReceiveCount')} is not between 3 and 20"
    aliases = {k: ref(props(a)["FunctionName"]) for k, a in of(doc, "AWS::Lambda::Alias").items()}
    consumed = set()
    for k, m in of(doc, "AWS::Lambda::EventSourceMapping").items():
        p = props(m)
        f, q = aliases.get(ref(p.get("FunctionName"))), ref(p.get("EventSourceArn"))
        consumed.add(q)
        if not f:
            yield f"{k}: does not go by the alias, so that a release takes all messages at once"
            continue
        if q not in qs:
            yield f"{k}: {q} is no queue"
            continue
        fp, qp = props(doc["Resources"][f]), props(qs[q])
        batch, window = p.get("BatchSize", 10), p.get("MaximumBatchingWindowInSeconds", 0)
        if batch > 10 and window < 1:
            yield f"{k}: a batch of {batch} needs a window"
        if p.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{k}: one bad message brings the whole batch back"
        if qp.get("VisibilityTimeout", 30) < 6 * fp["Timeout"] + window:
            yield f"{q}: visibility {qp.get('VisibilityTimeout', 30)} s is less than six times the timeout of {f}, {fp['Timeout']} s"
        most = number(src, p.get("ScalingConfig", {}).get("MaximumConcurrency"))
        if most is None or not 2 <= most <= 1000:
            yield f"{k}: maximum concurrency {most} is not between 2 and 1000"
        reserved = [number(src, a) for a in alternatives(fp.get("ReservedConcurrentExecutions"))]
        if most and any(r is not None and r < most for r in reserved):
            yield f"{k}: takes {most} messages at once, the function reserves {reserved}: the rest is throttled into the dead letters"
        statements = [s for pol in policies(src, doc, f) for s in statements_of(pol)]
        actions = {a for s in statements if s["Effect"] == "Allow" and q in json.dumps(s["Resource"]) for a in as_list(s["Action"])}
        if not {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} <= actions:
            yield f"{k}: {f} may not take messages of {q}"
    for k in qs:
        if k not in consumed and k not in dead and k != "ClockDead":
            yield f"{k}: nobody takes its messages"


# --- what starts what ---------------------------------------------------------------


def matches(pattern, key):
    for rule in as_list(pattern):
        if isinstance(rule, str) and rule == key:
            return True
        if isinstance(rule, dict):
            if "prefix" in rule and key.startswith(rule["prefix"]):
                return True
            if "suffix" in rule and key.endswith(rule["suffix"]):
                return True
            if "wildcard" in rule and re.fullmatch(".*".join(map(re.escape, rule["wildcard"].split("*"))), key, re.S):
                return True
    return False


OPERATORS = {"prefix", "suffix", "wildcard", "numeric", "anything-but", "exists", "equals-ignore-case", "cidr"}


def rules(doc):
    sizes = []
    for k, r in of(doc, "AWS::Events::Rule").items():
        p = props(r)
        pattern = p.get("EventPattern")
        if not isinstance(pattern, dict):
            yield f"{k}: the pattern is no object"
            continue
        for path, v in walk(pattern):
            if isinstance(v, list) and not any(isinstance(x, (str, int, float, dict)) for x in v):
                yield f"{k}: {'.'.join(map(str, path))} matches nothing"
            if isinstance(v, (str, int, float)) and path and isinstance(path[-1], str) and not any(isinstance(x, int) for x in path):
                yield f"{k}: {'.'.join(path)} is no list, so the pattern is invalid"
            if isinstance(v, dict) and path and isinstance(path[-1], int) and not (set(v) <= OPERATORS or ref(v)):
                yield f"{k}: {'.'.join(map(str, path))} has an operator that EventBridge does not know"
        if "aws.s3" not in as_list(pattern.get("source", [])):
            continue
        detail = pattern.get("detail", {})
        keys = detail.get("object", {}).get("key", [{"prefix": ""}])
        for key in OUTPUTS:
            if matches(keys, key):
                yield f"{k}: the pipeline's own {key} would start it again"
        for key in INPUTS:
            if not matches(keys, key) and not (key.endswith("_SUCCESS") and "Large" in k):
                yield f"{k}: {key} lands and nothing happens"
        if not detail.get("bucket", {}).get("name"):
            yield f"{k}: takes objects of every bucket"
        bounds = [n for x in detail.get("object", {}).get("size", []) for n in x.get("numeric", [])]
        if len(bounds) != 2 or not isinstance(bounds[1], (int, float)):
            yield f"{k}: its bound on sizes is no number"
        else:
            sizes.append(tuple(bounds))
        for t in p.get("Targets", []):
            if not t.get("DeadLetterConfig") or not t.get("RetryPolicy"):
                yield f"{k}: what its target refuses is lost"
    if sizes and sorted(sizes) != sorted({("<", sizes[0][1]), (">=", sizes[0][1])}):
        yield f"the rules do not divide files by one size: {sizes}"
    for k, b in of(doc, "AWS::S3::Bucket").items():
        n = props(b).get("NotificationConfiguration", {})
        if not n.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled"):
            yield f"{k}: tells nobody of objects that landed"
        for path, v in walk(n):
            if path and path[-1] in ("Queue", "Function", "Topic") and isinstance(v, (dict, str)):
                rule = {x["Name"]: x["Value"] for x in walkdict(n, path[:-1]).get("Filter", {}).get("S3Key", {}).get("Rules", [])}
                if not rule.get("prefix", "").startswith("landing/"):
                    yield f"{k}: a notification without the prefix landing/ starts the pipeline by its own output"


def walkdict(v, path):
    for k in path:
        v = v[k]
    return v


FIELDS = [(0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199)]
NAMES = {3: "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 4: "SUN MON TUE WED THU FRI SAT".split()}


def schedule_problem(expr):
    """Why EventBridge refuses a schedule; "" where it does not."""
    m = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expr)
    if m:
        n = int(m[1])
        return "" if n > 0 and (m[3] == "s") == (n > 1) else "a rate of one has the singular, others the plural"
    m = re.fullmatch(r"cron\((.*)\)", expr)
    if not m:
        return "it is neither rate(…) nor cron(…)"
    fields = m[1].split()
    if len(fields) != 6:
        return f"cron has six fields, this one {len(fields)}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "one of day of month and day of week is ?, and only one"
    for i, f in enumerate(fields):
        if f == "?" and i in (2, 4):
            continue
        for part in f.split(","):
            part = re.sub(r"(L|W|#\d)$", "", part) if i in (2, 4) else part
            base, _, step = part.partition("/")
            if step and not step.isdigit():
                return f"field {i + 1}: {part}"
            if base in ("*", ""):
                continue
            for x in base.split("-"):
                if x.upper() in NAMES.get(i, []):
                    continue
                if not x.isdigit() or not FIELDS[i][0] <= int(x) <= FIELDS[i][1]:
                    return f"field {i + 1}: {part}"
    return ""


def clocks(src, doc):
    zone = src["Parameters"]["TimeZone"]
    if zone["Default"] not in zoneinfo.available_timezones():
        yield f"TimeZone: {zone['Default']} is no zone"
    starts = set()
    for k, s in of(doc, "AWS::Scheduler::Schedule").items():
        p = props(s)
        expr = p.get("ScheduleExpression")
        if ref(expr):
            expr = src["Parameters"][ref(expr)]["Default"]
        why = schedule_problem(expr)
        if why:
            yield f"{k}: {expr}: {why}"
        if ref(p.get("ScheduleExpressionTimezone")) != "TimeZone" and p.get("ScheduleExpressionTimezone") not in zoneinfo.available_timezones():
            yield f"{k}: time zone {p.get('ScheduleExpressionTimezone')} is none"
        t = p.get("Target", {})
        if not t.get("DeadLetterConfig") or not t.get("RetryPolicy"):
            yield f"{k}: a clock that cannot strike is noticed by nobody"
        starts.add(k)
    for f in ("Sweep", "Relay", "Evals", "Drill"):
        if not any(f + "Function" in s for s in starts):
            yield f"{f}Function: no clock starts it"


# --- the state machine ---------------------------------------------------------------


def machine(src, doc, asl):
    text = json.dumps(asl)
    subs = set(re.findall(r"\$\{(\w+)\}", text))
    given = set(props(src["Resources"]["LargeFiles"]).get("DefinitionSubstitutions", {}))
    if subs != given:
        yield f"LargeFiles: the document asks for {sorted(subs)}, the template gives {sorted(given)}"
    if not asl.get("TimeoutSeconds"):
        yield "large-file.asl.json: an execution may run for a year"

    def states(block, where):
        if block.get("StartAt") not in block.get("States", {}):
            yield f"{where}: starts nowhere"
        reached = {block.get("StartAt")}
        for name, s in block.get("States", {}).items():
            at = f"{where}.{name}"
            nexts = [s.get("Next"), s.get("Default")] + [c.get("Next") for c in s.get("Choices", []) + s.get("Catch", [])]
            reached |= {n for n in nexts if n}
            for n in nexts:
                if n and n not in block["States"]:
                    yield f"{at}: goes to {n}, which is not there"
            if s["Type"] in ("Task", "Map") and not (s.get("Next") or s.get("End")):
                yield f"{at}: ends nowhere"
            if s["Type"] == "Task":
                retried = [e for r in s.get("Retry", []) if r.get("MaxAttempts", 3) > 0 for e in r["ErrorEquals"]]
                if "States.ALL" not in retried:
                    yield f"{at}: a fault that passes is not tried again"
            if s["Type"] == "Map":
                if s.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
                    yield f"{at}: is not distributed"
                if not s.get("ItemReader") or not s.get("Catch"):
                    yield f"{at}: reads nothing, or ends without a reason in the ledger"
                reserved = max(number(src, a) or 0 for a in alternatives(props(doc["Resources"]["LargeFileFunction"])["ReservedConcurrentExecutions"]))
                if not 0 < s.get("MaxConcurrency", 0) <= reserved:
                    yield f"{at}: judges {s.get('MaxConcurrency')} parts at once, the function reserves {reserved}"
                yield from states(s["ItemProcessor"], at)
        for name in set(block.get("States", {})) - reached:
            yield f"{where}.{name}: is never reached"

    yield from states(asl, "large-file.asl.json")
    rights = json.dumps([props(r) for r in doc["Resources"].values() if r["Type"] in ("AWS::IAM::Role", "AWS::IAM::Policy")])
    for a in ("lambda:InvokeFunction", "states:StartExecution", "s3:GetObject"):
        if a not in rights:
            yield f"LargeFiles: its role lacks {a}"


# --- rights -------------------------------------------------------------------------


@functools.cache
def actions_of_aws():
    path = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
    data = json.loads(path.read_text())
    return {svc: {a.lower() for a in (v["Actions"] if isinstance(v["Actions"], list) else v["Actions"].keys())} for svc, v in data.items()}


def statements_of(policy):
    out = []
    for s in as_list(policy.get("Statement", [])):
        out += [x for x in alternatives(s) if isinstance(x, dict)]
    return out


def policies(src, doc, function):
    """The policy documents of a function's role."""
    out = []
    for p in as_list(props(src["Resources"].get(function, {})).get("Policies", [])):
        for a in alternatives(p):
            r = doc["Resources"].get(ref(a), {})
            if r.get("Type") == "AWS::IAM::ManagedPolicy":
                out.append(props(r)["PolicyDocument"])
            elif isinstance(a, dict) and "Statement" in a:
                out.append(a)
    return out


def rights(doc):
    known = actions_of_aws()
    for path, v in walk(doc.get("Resources", {})):
        if not (isinstance(v, dict) and "Effect" in v and ("Action" in v or "NotAction" in v)):
            continue
        where = ".".join(map(str, path[:1]))
        if "NotAction" in v or "NotResource" in v or "NotPrincipal" in v:
            yield f"{where}: a statement that says what it does not mean"
        for a in as_list(v.get("Action", [])):
            svc, _, op = str(a).partition(":")
            if svc not in known:
                yield f"{where}: there is no service {svc}"
            elif "*" not in op and op.lower() not in known[svc]:
                yield f"{where}: there is no action {a}"
            if v["Effect"] == "Allow" and "*" in op:
                yield f"{where}: allows {a}, more than any code calls"
        if v["Effect"] == "Allow":
            if "Resource" in v and any(x == "*" for x in as_list(v["Resource"])):
                yield f"{where}: allows {v['Action']} on everything"
            if v.get("Principal") in ("*", {"AWS": "*"}):
                yield f"{where}: allows everybody"


def storage(doc):
    for k, b in of(doc, "AWS::S3::Bucket").items():
        p = props(b)
        block = p.get("PublicAccessBlockConfiguration", {})
        if [block.get(x) for x in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")] != [True] * 4:
            yield f"{k}: may be made public"
        if not p.get("BucketEncryption") or "aws:kms" not in json.dumps(p["BucketEncryption"]):
            yield f"{k}: cannot be encrypted by a key of one's own"
        if b.get("DeletionPolicy") != "Retain" or b.get("UpdateReplacePolicy") != "Retain":
            yield f"{k}: goes with the stack"
        if props({"Properties": p}).get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{k}: keeps no versions"
        deny = [s for r in of(doc, "AWS::S3::BucketPolicy").values() if ref(props(r)["Bucket"]) == k for s in props(r)["PolicyDocument"]["Statement"]
                if s["Effect"] == "Deny" and s.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false" and s["Action"] == "s3:*" and s["Principal"] == "*"]
        if not deny:
            yield f"{k}: can be read without TLS"


def api(src, doc):
    for k, r in of(doc, "AWS::ApiGatewayV2::Route").items():
        key = props(r).get("RouteKey", "")
        if key != "$default" and not re.fullmatch(r"(ANY|GET|PUT|POST|PATCH|DELETE|HEAD|OPTIONS) /[^ ]*", key):
            yield f"{k}: {key!r} is no route"
        auth = alternatives(props(r).get("AuthorizationType", "NONE"))
        if not auth or any(a not in ("JWT", "AWS_IAM") for a in auth):
            # The pages' sessions are checked by the function, which must know whose tokens it takes.
            variables = props(doc["Resources"]["ApiFunction"]).get("Environment", {}).get("Variables", {})
            if key != "$default" or auth != ["NONE", "AWS_IAM"] or "ASSAY_API_ISSUER" not in variables or "ASSAY_API_AUDIENCE" not in variables:
                yield f"{k}: answers everybody"
        if "JWT" in auth and not props(r).get("AuthorizerId"):
            yield f"{k}: has no authorizer for its tokens"
    for k, s in of(doc, "AWS::ApiGatewayV2::Stage").items():
        t = props(s).get("DefaultRouteSettings", {})
        if not t.get("ThrottlingRateLimit") or not t.get("ThrottlingBurstLimit"):
            yield f"{k}: takes any number of requests"
        if not props(s).get("AccessLogSettings"):
            yield f"{k}: writes no access log"
        else:
            try:
                json.loads(props(s)["AccessLogSettings"]["Format"])
            except ValueError:
                yield f"{k}: the access log is no JSON"
    timeout = props(doc["Resources"]["ApiFunction"])["Timeout"]
    for k, i in of(doc, "AWS::ApiGatewayV2::Integration").items():
        if props(i).get("TimeoutInMillis", 30000) < timeout * 1000:
            yield f"{k}: gives up before the function does"
        if props(i).get("PayloadFormatVersion") != "2.0":
            yield f"{k}: sends events that the function does not read"
    for k, p in of(doc, "AWS::Lambda::Permission").items():
        if not props(p).get("SourceArn") and not props(p).get("SourceAccount"):
            yield f"{k}: lets every account call the function"


# --- nested stacks --------------------------------------------------------------------


def nested(docs):
    src = docs["template.yaml"]
    stacks = {}
    for k, r in of(src, "AWS::CloudFormation::Stack").items():
        child = docs.get(props(r)["TemplateURL"])
        if child is None:
            yield f"{k}: {props(r)['TemplateURL']} is not there"
            continue
        stacks[k] = child
        given, wanted = props(r).get("Parameters", {}), child.get("Parameters", {})
        for p in set(given) - set(wanted):
            yield f"{k}: the stack has no parameter {p}"
        for p, w in wanted.items():
            if p not in given and "Default" not in w:
                yield f"{k}: the stack is not given {p}"
    for _, v in walk(src):
        if isinstance(v, dict) and "Fn::GetAtt" in v:
            parts = v["Fn::GetAtt"] if isinstance(v["Fn::GetAtt"], list) else v["Fn::GetAtt"].split(".", 1)
            if parts[0] in stacks and parts[1].removeprefix("Outputs.") not in stacks[parts[0]].get("Outputs", {}):
                yield f"{parts[0]}: the stack has no output {parts[1]}"


def network(doc):
    for k, s in of(doc, "AWS::EC2::Subnet").items():
        if props(s).get("MapPublicIpOnLaunch"):
            yield f"{k}: gives public addresses"
    for kind in ("AWS::EC2::InternetGateway", "AWS::EC2::NatGateway"):
        for k in of(doc, kind):
            yield f"{k}: a way out that nothing needs"
    for k, g in of(doc, "AWS::EC2::SecurityGroup").items():
        for rule in props(g).get("SecurityGroupIngress", []):
            if "CidrIp" in rule or "SourceSecurityGroupId" not in rule:
                yield f"{k}: lets addresses in, not functions"
    if not any(props(e).get("VpcEndpointType") == "Gateway" and "s3" in json.dumps(props(e)["ServiceName"]) for e in of(doc, "AWS::EC2::VPCEndpoint").values()):
        yield "network: S3 is out of reach"
    for k, e in of(doc, "AWS::EC2::VPCEndpoint").items():
        if props(e).get("VpcEndpointType") == "Interface" and (not props(e).get("PrivateDnsEnabled") or not props(e).get("SecurityGroupIds")):
            yield f"{k}: is not found under the service's name, or is open"


def database(doc):
    for k, c in of(doc, "AWS::RDS::DBCluster").items():
        p = props(c)
        s = p.get("ServerlessV2ScalingConfiguration", {})
        low, high = s.get("MinCapacity"), number(doc, s.get("MaxCapacity"))
        if low is None or high is None or low * 2 % 1 or high * 2 % 1 or not 0 <= low <= high <= 256 or high < 1:
            yield f"{k}: capacity {low} to {high} is not in steps of 0.5"
        if low != 0:
            yield f"{k}: does not pause"
        elif not 300 <= (number(doc, s.get("SecondsUntilAutoPause")) or 0) <= 86400:
            yield f"{k}: pauses after {s.get('SecondsUntilAutoPause')} s, which is not between 300 and 86400"
        if "MasterUserPassword" in p or not p.get("ManageMasterUserPassword"):
            yield f"{k}: its password stands in the template"
        if not p.get("StorageEncrypted") or not p.get("EnableIAMDatabaseAuthentication"):
            yield f"{k}: is not encrypted, or takes no tokens"
        if c.get("DeletionPolicy") != "Snapshot":
            yield f"{k}: goes with the stack"
        if "force_ssl" not in json.dumps(props(doc["Resources"].get(ref(p.get("DBClusterParameterGroupName")), {}))):
            yield f"{k}: takes connections without TLS"
    for k, i in of(doc, "AWS::RDS::DBInstance").items():
        if props(i).get("PubliclyAccessible") is not False:
            yield f"{k}: can be reached from everywhere"


# --- alarms and the dashboard ------------------------------------------------------------

MATH = {"FILL", "MAX", "MIN", "SUM", "AVG", "RATE", "IF", "ABS", "CEIL", "FLOOR", "METRICS", "RUNNING_SUM", "PERIOD", "STDDEV", "DIFF"}


def math_problem(expr, ids):
    """Why CloudWatch refuses an expression; "" where it does not."""
    expr = re.sub(r"\$\{\w+\}", "1", expr)
    depth = 0
    for c in expr:
        depth += (c in "([") - (c in ")]")
        if depth < 0:
            return "brackets do not match"
    if depth:
        return "brackets do not match"
    for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r'"[^"]*"', "", expr)):
        if word.isupper():
            if word not in MATH:
                return f"there is no function {word}"
        elif word not in ids:
            return f"there is no metric {word}"
    if re.search(r"[-+*/]\s*[*/]|[-+*/]\s*$|[-+*/]\s*\)", expr):
        return "an operator stands alone"
    return ""


def math(k, metrics, alarm):
    ids = [m.get("Id") or m.get("id") for m in metrics]
    for i in ids:
        if not i or not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", i):
            yield f"{k}: {i!r} cannot be the id of a metric"
    if len(set(ids)) != len(ids):
        yield f"{k}: two metrics have one id"
    if alarm:
        shown = [m["Id"] for m in metrics if m.get("ReturnData", True)]
        if len(shown) != 1:
            yield f"{k}: {len(shown)} metrics are returned, an alarm takes one"
    for m in metrics:
        expr = m.get("Expression") or m.get("expression")
        if isinstance(expr, dict):
            expr = expr.get("Fn::Sub", "")
        if expr:
            why = math_problem(expr, ids)
            if why:
                yield f"{k}: {expr}: {why}"


def observability(docs):
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).strip().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", (ROOT / "docs/runbook.md").read_text(), re.M)}
    for name in ("template.yaml", "infra/observability.yaml"):
        doc = docs[name]
        alarms, composites = of(doc, "AWS::CloudWatch::Alarm"), of(doc, "AWS::CloudWatch::CompositeAlarm")
        children, rolled = set(), {ref(a) for f in of(doc, "AWS::Serverless::Function").values() for a in (props(f).get("DeploymentPreference") or {}).get("Alarms", [])}
        for k, c in composites.items():
            rule = props(c)["AlarmRule"]
            rule = rule.get("Fn::Sub", "") if isinstance(rule, dict) else rule
            named = set(re.findall(r"\$\{(\w+)\}", rule))
            if not named or named - set(alarms):
                yield f"{k}: asks for {sorted(named - set(alarms))}, which is no alarm"
            children |= named
        for k, a in {**alarms, **composites}.items():
            p = props(a)
            d = p.get("AlarmDescription", "")
            d = d.get("Fn::Sub", "") if isinstance(d, dict) else d
            m = re.search(r"docs/runbook\.md#([a-z0-9-]+)", d)
            if not m or m[1] not in anchors:
                yield f"{k}: no page of docs/runbook.md says what to do ({m and m[1]})"
            if k not in children and k not in rolled and not p.get("AlarmActions"):
                yield f"{k}: tells nobody"
            if k in composites:
                continue
            if p.get("TreatMissingData") != "notBreaching":
                yield f"{k}: alarms when nothing happens"
            metrics = p.get("Metrics", [])
            if metrics:
                yield from math(k, metrics, True)
                periods = {m["MetricStat"]["Period"] for m in metrics if "MetricStat" in m}
            else:
                periods = {p.get("Period")}
            if len(periods) != 1 or any(not x or x % 60 for x in periods):
                yield f"{k}: periods {periods}"
            elif p.get("EvaluationPeriods", 1) * max(periods) > (604800 if min(periods) >= 3600 else 86400):
                yield f"{k}: looks back further than CloudWatch does"
            if p.get("DatapointsToAlarm", 1) > p.get("EvaluationPeriods", 1):
                yield f"{k}: wants more points than it looks at"
        for k, b in of(doc, "AWS::CloudWatch::Dashboard").items():
            body = props(b)["DashboardBody"]
            body = body.get("Fn::Sub", "") if isinstance(body, dict) else body
            try:
                widgets = json.loads(body)["widgets"]
            except (ValueError, KeyError, TypeError) as e:
                yield f"{k}: the dashboard is no JSON: {e}"
                continue
            for w in widgets:
                title = w.get("properties", {}).get("title", w["type"])
                if w["x"] + w["width"] > 24:
                    yield f"{k}: {title} is beyond the edge"
                if w["type"] != "metric":
                    continue
                exprs, metrics = [], []
                for m in w["properties"].get("metrics", []):
                    last = m[-1] if isinstance(m[-1], dict) else {}
                    (exprs if "expression" in last else metrics).append(last)
                if not w["properties"].get("metrics") or not w["properties"].get("region"):
                    yield f"{k}: {title} shows nothing"
                for e in exprs:
                    why = math_problem(e["expression"], [m.get("id") for m in metrics + exprs])
                    if why:
                        yield f"{k}: {title}: {e['expression']}: {why}"
            shown = json.dumps(widgets)
            for need in ("CanaryPrecision", "CanaryLatency", "CanaryErrors", "RowsAccepted", "RowsRejected", "BatchesHeld", "Tokens", "Dollars", "ApproximateAgeOfOldestMessage"):
                if f'"{need}"' not in shown:
                    yield f"{k}: no widget shows the metric {need}"
            titles = " ".join(w.get("properties", {}).get("title", "") for w in widgets).lower()
            for need in ("availability", "budget left", "p95", "5xx", "function errors", "event entries", "retrieval precision", "groundedness"):
                if need not in titles:
                    yield f"{k}: no widget shows {need}"
            for v in re.findall(r"\$\{(\w+)\}", body):
                if v not in doc["Parameters"]:
                    yield f"{k}: there is no parameter {v}"
    emitted = " ".join(p.read_text() for folder in ("pipeline/app", "functions") for p in (ROOT / folder).rglob("*.go") if not p.name.endswith("_test.go"))
    for _, v in walk(docs["infra/observability.yaml"]):
        if isinstance(v, dict) and ref(v.get("Namespace")) == "Namespace" and f'"{v.get("MetricName")}"' not in emitted:
            yield f"infra/observability.yaml: no function writes the metric {v.get('MetricName')}"


def burns(doc):
    """The fast burn spends the budget of a month in under two days, by an hour and by
    five minutes, and pages; the slow one is a ticket."""
    target = doc["Parameters"]["AvailabilityTarget"]["Default"]
    if abs((100 - target) / 100 * 30 * 24 * 60 - 216) > 0.5:
        yield f"AvailabilityTarget {target} leaves {(100 - target) / 100 * 43200:.0f} minutes of a month, not 216"
    res = doc["Resources"]

    def rate(k, kind):
        """How fast the alarm lets the budget go, in budgets, found by trying: the
        share of failures from which on its expression is above its threshold."""
        p = props(res[k])
        (expr,) = [m["Expression"] for m in p["Metrics"] if m.get("ReturnData")]
        expr = expr["Fn::Sub"].replace("${AvailabilityTarget}", str(target)) if isinstance(expr, dict) else expr
        expr = re.sub(r"FILL\((\w+), 0\)", r"\1", expr).replace("MAX(", "max(")
        n = 1_000_000
        for tenths in range(0, 2001):
            bad = n * tenths / 10 * (100 - target) / 100
            values = {"attempts": n, "settled": n - bad, "requests": n, "failed": bad, "errors": 0, "entries": 0}
            if kind == "errors":
                values |= {"failed": 0, "errors": bad}
            if kind == "entries":
                values |= {"failed": 0, "entries": bad}
            if eval(expr, {"max": max}, values) > p["Threshold"] + 1e-9:  # noqa: S307 - our own file
                return tenths / 10
        return float("inf")

    for k, kinds in {"": ("batches",), "Api": ("failed", "errors", "entries")}.items():
        for kind in kinds:
            for name, period in ((k + "FastBurnHour", 3600), (k + "FastBurnNow", 300)):
                r = rate(name, kind)
                if not 15 <= r < 16:
                    yield f"{name}: fires at {r} budgets of {kind}, not at 15: a month's budget in two days"
                if {m["MetricStat"]["Period"] for m in props(res[name])["Metrics"] if "MetricStat" in m} != {period}:
                    yield f"{name}: does not look at {period} seconds"
            r = rate(k + "SlowBurn", kind)
            if not 1 < r <= 6:
                yield f"{k}SlowBurn: fires at {r} budgets of {kind}"
        rule = props(res[k + "FastBurn"])["AlarmRule"]["Fn::Sub"]
        if " AND " not in rule or any(x not in rule for x in (k + "FastBurnHour", k + "FastBurnNow")):
            yield f"{k}FastBurn: pages for an hour or for five minutes alone: {rule}"
        if "PageTopicArn" not in json.dumps(props(res[k + "FastBurn"]).get("AlarmActions")):
            yield f"{k}FastBurn: wakes nobody"
        if "TicketTopicArn" not in json.dumps(props(res[k + "SlowBurn"]).get("AlarmActions")):
            yield f"{k}SlowBurn: opens no ticket"


# --- all of it --------------------------------------------------------------------------


def problems(docs):
    src = docs["template.yaml"]
    for name in FILES:
        yield from parameters(name, docs[name])
    yield from functions(src)
    try:
        doc = transformed(src)
    except Exception as e:  # noqa: BLE001 - whatever SAM refuses
        yield f"template.yaml: SAM refuses it: {getattr(e, 'message', e)} {[getattr(c, 'message', '') for c in getattr(e, 'causes', [])]}"
        return
    yield from lambdas(src, doc)
    yield from releases(src, doc)
    yield from queues(src, doc)
    yield from rules(doc)
    yield from clocks(src, doc)
    yield from machine(src, doc, docs["asl"])
    yield from storage(doc)
    yield from api(src, doc)
    yield from rights(src)
    for name in FILES[1:]:
        yield from rights(docs[name])
    yield from nested(docs)
    yield from network(docs["infra/network.yaml"])
    yield from database(docs["infra/database.yaml"])
    yield from observability(docs)
    yield from burns(docs["infra/observability.yaml"])


def lint(paths):
    out = []
    for p in paths:
        for m in cfnlint.api.lint_file(Path(p)):
            out.append(f"{m.filename}:{m.linenumber}: {m.rule.id} {m.message}")
    return out


def main():
    found = list(problems(load())) + lint([ROOT / f for f in FILES])
    for f in found:
        print(f)
    if found:
        sys.exit(1)
    print(f"{len(FILES)} templates and a state machine: nothing amiss")


if __name__ == "__main__":
    main()
