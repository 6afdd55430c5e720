"""Seeds mistakes into the templates, one at a time, and fails unless each is
caught by .ci/template.py or by cfn-lint, and unless the templates as they are
pass. The classes are those that templates of this kind were seen with."""

import copy
import json
import sys
import tempfile
from pathlib import Path

import template

T, N, D, O = template.FILES


def p(docs, name, file=T):
    return docs[file]["Resources"][name]["Properties"]


def drop(d, *keys):
    for k in keys[:-1]:
        d = d[k]
    del d[keys[-1]]


def put(d, *keys_and_value):
    *keys, last, value = keys_and_value
    for k in keys:
        d = d[k]
    d[last] = value


def text(docs, file, old, new):
    """Replaces a text inside a document, which has to be there."""
    s = json.dumps(docs[file])
    a, b = json.dumps(old)[1:-1], json.dumps(new)[1:-1]
    assert a in s, f"{file} has no {old}"
    docs[file] = json.loads(s.replace(a, b, 1))


MISTAKES = {
    "a cron with five fields": lambda d: put(d[T]["Parameters"]["EvalsSchedule"], "Default", "cron(0 2 * * *)"),
    "a cron at hour 25": lambda d: put(d[T]["Parameters"]["EvalsSchedule"], "Default", "cron(0 25 * * ? *)"),
    "day of month and day of week both set": lambda d: put(d[T]["Parameters"]["DrillSchedule"], "Default", "cron(0 4 1 * SUN *)"),
    "rate(1 minutes)": lambda d: put(d[T]["Parameters"]["RelaySchedule"], "Default", "rate(1 minutes)"),
    "a time zone that is none": lambda d: put(d[T]["Parameters"]["TimeZone"], "Default", "Europe/Berlim"),
    "a batch of 50 without a window": lambda d: put(p(d, "ParseWork"), "BatchSize", 50),
    "no partial batch responses": lambda d: drop(p(d, "IngestLanded"), "FunctionResponseTypes"),
    "visibility shorter than the function": lambda d: put(p(d, "WorkQueue"), "VisibilityTimeout", 60),
    "a longer timeout without more visibility": lambda d: put(p(d, "IngestFunction"), "Timeout", 900),
    "a queue without dead letters": lambda d: drop(p(d, "LandedQueue"), "RedrivePolicy"),
    "given up at the first failure": lambda d: put(p(d, "WorkQueue"), "RedrivePolicy", "maxReceiveCount", 1),
    "dead letters forgotten after four days": lambda d: drop(p(d, "LandedDead"), "MessageRetentionPeriod"),
    "more messages at once than concurrency reserved": lambda d: put(p(d, "ReplayReplays"), "ScalingConfig", "MaximumConcurrency", 20),
    "a consumer that goes past the alias": lambda d: put(p(d, "ParseWork"), "FunctionName", {"Fn::GetAtt": ["ParseFunction", "Arn"]}),
    "capacity in steps of 0.3": lambda d: put(p(d, "Cluster", D), "ServerlessV2ScalingConfiguration", "MinCapacity", 0.3),
    "a database that cannot pause": lambda d: put(p(d, "Cluster", D), "ServerlessV2ScalingConfiguration", "MinCapacity", 0.5),
    "a pause after a minute": lambda d: put(d[D]["Parameters"]["PauseAfter"], "Default", 60),
    "a public database": lambda d: put(p(d, "Instance", D), "PubliclyAccessible", True),
    "a password in the template": lambda d: put(p(d, "Cluster", D), "MasterUserPassword", "change-me-soon"),
    "metric math with an unknown metric": lambda d: text(d, O, "FILL(settled, 0)) / attempts", "FILL(setled, 0)) / attempts"),
    "metric math with an open bracket": lambda d: text(d, O, "MAX([FILL(landed, 0)", "MAX([FILL(landed, 0"),
    "metric math with an unknown function": lambda d: text(d, O, "100 * (attempts - FILL(", "100 * (attempts - FILLED("),
    "two metrics returned": lambda d: put(p(d, "QueueAge", O)["Metrics"][0], "ReturnData", True),
    "an alarm over a month": lambda d: put(p(d, "SlowBurn", O), "EvaluationPeriods", 120),
    "an alarm without a page of the runbook": lambda d: text(d, O, "runbook.md#dead-letters", "runbook.md#dead-letter"),
    "a fast burn that is slow": lambda d: text(d, O, "/ attempts - 15 * (100", "/ attempts - 3 * (100"),
    "a fast burn that does not count the function's errors": lambda d: text(d, O, "FILL(failed, 0), FILL(errors, 0)]) / requests + 100 * FILL(entries, 0) / requests - 15", "FILL(failed, 0)]) / requests + 100 * FILL(entries, 0) / requests - 15"),
    "a page for five minutes alone": lambda d: text(d, O, " AND ", " OR "),
    "a slow burn that pages": lambda d: put(p(d, "SlowBurn", O), "AlarmActions", [{"Ref": "PageTopicArn"}]),
    "an alarm that tells nobody": lambda d: drop(p(d, "QueueAge", O), "AlarmActions"),
    "a composite of an alarm that is not there": lambda d: text(d, O, 'ALARM("${FastBurnNow}")', 'ALARM("${FastBurnSoon}")'),
    "a metric that nobody writes": lambda d: text(d, O, "BatchesSettled", "BatchSettled"),
    "a dashboard that is no JSON": lambda d: put(p(d, "Dashboard", O), "DashboardBody", {"Fn::Sub": '{"widgets": [}'}),
    "a widget beyond the edge": lambda d: text(d, O, '"x": 18, "y": 2, "width": 6', '"x": 18, "y": 2, "width": 9'),
    "the rule takes the whole bucket": lambda d: put(p(d, "SmallFiles")["EventPattern"]["detail"]["object"], "key", [{"prefix": ""}]),
    "the rule takes what the pipeline writes": lambda d: p(d, "SmallFiles")["EventPattern"]["detail"]["object"]["key"].append({"wildcard": "*/*.parquet"}),
    "a suffix that the rule forgets": lambda d: p(d, "SmallFiles")["EventPattern"]["detail"]["object"]["key"].remove({"wildcard": "landing/*/*.csv"}),
    "sizes that nobody takes": lambda d: put(p(d, "LargeFilesRule")["EventPattern"]["detail"]["object"], "size", [{"numeric": [">=", 1073741824]}]),
    "an operator that EventBridge does not know": lambda d: put(p(d, "SmallFiles")["EventPattern"]["detail"]["object"], "size", [{"less-than": 5}]),
    "a pattern without lists": lambda d: put(p(d, "SmallFiles")["EventPattern"], "source", "aws.s3"),
    "a target whose failures are lost": lambda d: drop(p(d, "LargeFilesRule")["Targets"][0], "DeadLetterConfig"),
    "an action that does not exist": lambda d: text(d, T, "s3:AbortMultipartUpload", "s3:AbortMultiPartUploads"),
    "every action of a service": lambda d: put(p(d, "UseLake")["PolicyDocument"]["Statement"][0], "Action", "s3:*"),
    "everything that there is": lambda d: put(p(d, "SendWork")["PolicyDocument"]["Statement"][0], "Resource", "*"),
    "a BuildMethod that does not build Go": lambda d: put(d[T]["Resources"]["RelayFunction"]["Metadata"], "BuildMethod", "golang"),
    "code in a folder that is not there": lambda d: put(p(d, "SweepFunction"), "CodeUri", "functions/sweeper/"),
    "a route without a slash": lambda d: put(p(d, "ApiRoute"), "RouteKey", "ANY {proxy+}"),
    "a route that answers everybody": lambda d: put(p(d, "ApiRoute"), "AuthorizationType", "NONE"),
    "pages that nobody signs in to": lambda d: drop(p(d, "ApiFunction"), "Environment"),
    "an API without throttling": lambda d: drop(p(d, "ApiStage"), "DefaultRouteSettings"),
    "an API that gives up before its function": lambda d: put(p(d, "ApiIntegration"), "TimeoutInMillis", 5000),
    "a bucket without TLS": lambda d: put(p(d, "LakePolicyOfBucket")["PolicyDocument"]["Statement"][0], "Condition", {"Bool": {"aws:SecureTransport": "true"}}),
    "a bucket that may be made public": lambda d: drop(p(d, "Lake"), "PublicAccessBlockConfiguration", "RestrictPublicBuckets"),
    "a bucket that goes with the stack": lambda d: drop(d[T]["Resources"]["Lake"], "DeletionPolicy"),
    "a secret in a variable": lambda d: put(d[T]["Globals"]["Function"]["Environment"]["Variables"], "ASSAY_LLM_KEY", "sk-123"),
    "a variable that the program does not know": lambda d: put(d[T]["Globals"]["Function"]["Environment"]["Variables"], "ASSAY_LAKES", "s3://x"),
    "a database URL that takes a password": lambda d: put(d[T]["Parameters"]["DatabaseUrl"], "AllowedPattern", "^(postgres://.*)?$"),
    "all traffic at once": lambda d: drop(p(d, "IngestFunction"), "DeploymentPreference"),
    "a canary of 50 percent": lambda d: put(p(d, "Canary")["TrafficRoutingConfig"]["TimeBasedCanary"], "CanaryPercentage", 50),
    "a rollback by another function's alarm": lambda d: put(p(d, "ApiFunction")["DeploymentPreference"], "Alarms", [{"Ref": "ParseErrors"}]),
    "traffic before the schema": lambda d: drop(d[T]["Resources"]["ParseFunction"], "DependsOn"),
    "migrations that never run again": lambda d: put(p(d, "Schema"), "Version", "1"),
    "a state that goes nowhere": lambda d: put(d["asl"]["States"]["Plan"], "Next", "Judged"),
    "a state without retries": lambda d: drop(d["asl"]["States"]["Merge"], "Retry"),
    "more parts at once than concurrency reserved": lambda d: put(d["asl"]["States"]["JudgeParts"], "MaxConcurrency", 1000),
    "a substitution that is not given": lambda d: drop(p(d, "LargeFiles"), "DefinitionSubstitutions", "IngestFunction"),
    "a parameter that the nested stack lacks": lambda d: put(p(d, "Observability")["Parameters"], "Region", "eu"),
    "an output that the nested stack lacks": lambda d: text(d, T, "Outputs.SecretArn", "Outputs.SecretARN"),
    "a security group open to addresses": lambda d: put(p(d, "DatabaseGroup", N), "SecurityGroupIngress", [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "0.0.0.0/0"}]),
    "a default out of bounds": lambda d: put(d[T]["Parameters"]["CanaryPercent"], "Default", 10),
    "a misspelt property": lambda d: put(p(d, "LandedQueue"), "VisibilityTimeOut", 1800),
}


def caught(docs):
    found = next(iter(template.problems(docs)), "")
    if found:
        return found
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in template.FILES:
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(docs[name]))
            paths.append(path)
        return next(iter(template.lint(paths)), "")


def main():
    clean = template.load()
    missed = []
    if why := next(iter(template.problems(copy.deepcopy(clean))), ""):
        sys.exit(f"the templates as they are do not pass: {why}")
    for name, seed in MISTAKES.items():
        docs = json.loads(json.dumps(clean))
        seed(docs)
        assert docs != json.loads(json.dumps(clean)), f"{name}: nothing was changed"
        why = caught(docs)
        if not why:
            missed.append(name)
        if "-v" in sys.argv:
            print(f"{name}: {why or 'MISSED'}")
    for name in missed:
        print("missed:", name)
    print(json.dumps({"seeded": len(MISTAKES), "caught": len(MISTAKES) - len(missed)}))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
