package guard

import (
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// screenSets are sets of words that several patterns use.
var screenSets = map[string]string{
	"drop":   "ignore|disregard|forget|overlook|bypass|override|neglect|dismiss|discard|abandon|ignoring|disregarding|forgetting|skip|cancel",
	"drops":  "ignore|disregard|forget|overlook|bypass|override|neglect|dismiss|discard|abandon|skip",
	"told":   "instruction*|directive*|direction*|rule*|prompt*|guideline*|order*|programming|told|said|taught|learned|constraint*|restriction*|message*|prompting|protocols",
	"before": "previous|previously|prior|preceding|above|earlier|foregoing|past|initial|original|your|these|those|system|developer|existing|given|following",
	"ask":    "tell|share|give|reveal|what's|what|confirm|provide|print|send|write|say|show|disclose|know|need|whats|encode|repeat|is|if|about|with|include|output|spell|guess|hint",
	"secret": "password|passwords|passcode|passphrase|credentials|passwd",
	"show":   "repeat|print|output|reveal|show|display|relay|list|translate|encode|summarize|summarise|recite|tell|give|describe|disclose|return|write|copy|dump|leak|expose|spell|state|provide|share|echo|reproduce|paste|paraphrase|convert|explain|what|continue",
	"answer": "response|answer|reply|output|summary|message|elucidation|implementation|responses|replies|answers|explanation|code|codebase|solution|conclusion|translation",
	"alter":  "add|include|insert|append|integrate|modify|replace|augment|enhance|start|begin|end|finish|provide|write|express|incorporate|introduce|employ|conclude|prefix|mention|translate|change|alter|encode|reverse|embed|supplement|weave|deliver|give|present|craft|structure|phrase|convert|precede|follow|conceal|hide|mask|format|tailor|adjust|refer|reference|ensure|seamlessly|make|use",
	"person": "live|lives|living|address|birth|birthday|birthdate|initials|favorite|favourite|email|e-mail|phone|location|located|residence|residing|reside|age|salary|name|ssn|password|account",
}

// screenPatterns are the rules. Weight 1 is enough alone.
//
//nolint:misspell // words of other languages, and words as people misspell them
var screenPatterns = []struct {
	name     string
	weight   float64
	patterns []string
}{
	{"override", 1, []string{
		"@drop ~3 @before ~3 @told", "@drop ~1 all|any|everything|every|everthing ~4 @told", "@drop ~4 all|everything|everthing|what|that ~2 you|you've|i ~4 told|said|instructed|learned|taught|know|been",
		"@drops ~1 the ~1 above", "ignore|disregard|forget instructions|directions|rules", "do|don't|never|not ~2 listen|follow|obey|adhere|comply ~4 previous|prior|above|earlier|rules|instructions",
		"stop|cease ~2 following|obeying ~4 rules|instructions|guidelines", "new|updated|revised|real|actual instructions|directive", "your|the new|real|actual|true task|goal|objective|instructions ~1 is|are",
		"ignoriere|ignorier|ignorieren|vergiss|vergessen|missachte|übergehe ~4 anweisung*|instruktion*|regel*|vorherige*|vorangehende*|bisherige*|obige*|alles|befehl*",
		"ignora|ignore|ignorez|oublie|oubliez|olvida|dimentica|esqueça|ignorar|ignoruj|негайно|игнорируй|игнорируйте|забудь|забудьте ~4 instruccion*|instruction*|istruzion*|instruções|anterior*|précédent*|precedent*|предыдущ*|инструкц*|polecen*",
		"neue|neuer|andere|anderer|weitere aufgabe|auftrag|anweisung|anweisungen|regeln", "regeln|anweisungen|vorgaben|instruktionen|einschränkungen ~3 nicht|ungültig|aufgehoben", "rules|instructions|restrictions|constraints ~3 no longer|longer|suspended|lifted|void",
		"guardrail|guardrails|safeguard|safeguards|moderation ~4 off|disabled|suspended|deactivated|bypassed|lifted", "skip|bypass|disable|suppress|omit ~2 validation|guardrail|guardrails|safeguards|moderation",
		"αγνοήστε|αγνόησε", "अनदेखी", "무시하십시오|무시하고|무시해|무시하세요", "無 視", "忽 略 ~6 指", "忽 略 ~3 之 前", "تجاهل",
	}},
	{"secrets", 1, []string{
		"your|the|my|his|her|user's|users|our|their|secret|admin ~1 @secret", "your ~1 secret|secrets", "what's|what|whats ~4 @secret", "secret key|code|password|word|phrase|instructions|agenda", "@ask ~4 @secret",
		"sharing password|passwords", "api key|keys", "private key", "access code|codes|token", "usernames ~1 passwords", "passwort|kennwort|zugangsdaten|contraseña|senha|пароль|пароли|parola|wachtwoord|hasło|şifre|salasana|lösenord", "mot de passe", "パ ス ワ", "비밀번호|비밀번호를", "पासवर्ड", "密 码", "密 碼",
		"credit card number|numbers|details", "bank account details|number|numbers",
	}},
	{"extraction", 1, []string{
		"@show ~6 your|system|initial|original|starting|hidden|previous|above|internal|full|entire|first|exact ~2 instruction*|prompt*|configuration|guidelines|directives|parameters|rules|systemprompt|message",
		"@show ~5 text|words|content|sentence|everything|prompt|instructions|conversation|paragraph ~1 above|before|preceding|verbatim|given|provided|you", "@show ~3 above text|prompt|instructions|words|conversation|content",
		"@show ~2 entire|whole|full conversation|prompt|chat|context|dialogue", "system prompt|systemprompt|prompts|instruction|instructions|configuration|message", "systemprompt|system_prompt", "your ~1 initial|original|starting|first|system instructions|prompt|directives|message|rules",
		"what ~3 you ~2 told|instructed|programmed|trained|given", "what ~4 not ~2 supposed|allowed|permitted|meant ~3 tell|say|reveal|discuss|share", "your|the developers|creators|engineers ~3 told|said|instructed", "my instructions are", "instructions given|verbatim", "text you were given", "were you ~2 told|instructed|asked ~3 before|start",
		"repeat ~3 instructions|prompt", "your instructions", "exact words", "copy ~3 prompt", "begin|beginning|start|starting with you are", "gib|zeige|nenne|wiederhole|verrate ~5 systemprompt|anweisungen|prompt|instruktionen",
	}},
	{"persona", 1, []string{
		"dan mode|stands|stand|do|application|which|can", "as|named|called|known dan", "do anything now", "stan|aim|dude|mongo|apophis ~2 mode", "god|override|jailbreak|sudo|dan|opposite|unrestricted|developer mode", "law enforcement override", "administrator|admin|system|developer|security override|overrides", "safe|safety mode ~1 off|disabled",
		"you ~1 are ~1 now ~1 a|an|in|the|going|called|known|free|my|no", "you're now ~1 a|an|in|the|my", "you are no longer", "from|from now on ~4 you|act|respond|answer|known|will|pretend", "unrestricted ai|bot|assistant|model|language", "unfiltered ai|bot|assistant|model|response|responses",
		"not ~2 restricted|bound|constrained ~1 by", "not|without|no ~4 abide|censorship|boundaries", "without|no ~1 restrictions|limitations", "broken free", "simulate|emulate ~3 ai|chatgpt|model|assistant|terminal|gpt", "act|behave ~2 as|like ~3 ai|chatgpt|gpt|model|assistant|linux|terminal|dan|evil|hacker|unrestricted", "pretend ~3 my ~1 grandmother|grandma|late",
		"you|must|shall|will ~2 obey", "stay|staying|remain|without|breaking ~1 in|breaking|character ~1 character", "without breaking character", "immerse yourself", "another ai model", "does not follow any|the rules", "as an ai developed|created|language", "hypothetical ai|response|story|character|scenario", "secret agenda", "opposite day", "ucar|jailbroken|jailbreaking", "evil confidant|bot|twin|assistant", "you|bot ~3 never refuse", "no ethical|moral|ethics|morals", "machiavellian", "grey-hat|black-hat", "grey|gray|black hat",
		"pretend ~1 you|you're ~1 are|were|be|to|the|a|an", "act|behave|answer|respond|proceed|continue ~1 as if|though", "tu|verhalte|verhalten ~3 als ob|wärst|seist|wäre",
		"du bist|bist jetzt|nun", "assistant is in error",
	}},
	{"marker", 1, []string{
		"[|<|{ inst|im_start|endoftext|injection|sys", "system note", "developer training", "end user|of ~1 ambiguity|prompt|input|context|document|text|system", "important update|instruction", "attention ai|assistant|model|llm|chatgpt", "ai|llm|chatgpt|gpt|assistant ~1 must|should|shall|please", "note to|for ~1 ai|assistant|model|llm|chatgpt", "if you are|you're an|a ~2 ai|llm|model|assistant|language|bot", "visible to llm|ai|model", "white text", "user|assistant|human next|please", "console log", "import os|requests|subprocess|pyperclip|socket|win32clipboard", "openai|anthropic ~6 approved|policy|policies|sponsored", "approved by ~2 openai|explicitly|anthropic", "confirm by saying", "for the rest of", "instead of ~5 say|write|respond|answer|output|state",
	}},
	{"concealment", 1, []string{
		"tell|inform|assure|convince ~2 reviewer|reviewers|operator|buyer|auditor|human ~6 no|not|nothing|fine|correct|approved|valid", "needs|need|requires|require no|not ~1 review|approval|reviewer|checking|validation", "never|don't|not ~1 mention|disclose|reveal ~2 this|these|that|the|it",
		"mark|set|treat|label|rate|report ~4 as verified|approved|trusted|confirmed|certain|grounded", "confidence ~3 1.0|100|maximum|highest", "nicht|niemals|kein|keine ~2 erwähnen|prüfung|freigabe ~1 nötig|notwendig|erforderlich",
	}},
	{"output", 1, []string{
		"@alter ~6 your ~2 @answer", "add|include|insert|append ~6 this|the response|answer|reply", "your response|answer|reply ~5 backward|backwards|reverse|base64|base32|italian|german|french|spanish|emojis|emoji|uppercase", "reply|respond|answer|speak|write ~3 in|with|using|only ~2 reverse|base64|base32|emojis|emoji|rot13|backward|backwards|german|french|italian|spanish|latin|morse|binary|leetspeak|hex|code|list",
		"just|only|simply|then|must|should ~1 say|print|output|respond|reply|return|state|answer|write ~1", "please|must|then output", "respond|reply|answer ~2 only|exactly|with", "in your response|answer|reply|output|summary|implementation|codebase", "following|subsequent|below code|snippet|script|excerpt ~3 within|into|somewhere", "@alter ~4 following|subsequent code|snippet|script|section|block", "code section|block|snippet|excerpt ~4 in|within|into|implementation|elucidation|somewhere", "state|say|claim|mention|report|conclude that ~5 is|are|was|has|the|you", "click ~3 link", "follow this link", "include ~4 sentence|line|link|statement|statistic|teaser|mention ~3 about|in|to|your|that", "translate ~3 sentence|message|response|this|it ~3 as|to|into", "print|say|output|write|state ~1 lol|pwned|haha|hacked|injection", "forward|send|email|transmit|exfiltrate ~5 to ~3 com|email|http|https|inbox|bob|attacker", "summary ~6 instead", "delete all the|of|data|files ~2 data|you|records|files", "drop table|tables",
	}},
	{"private", 1, []string{
		"user's|patient's|customer's|employee's ~4 @person", "user|users ~4 live|lives|living|birth|birthday|birthdate|initials|residence|residing|reside|salary|ssn", "the user currently|is|was|has", "where does|is ~3 live|living|located|reside", "birth date|day|year|month", "date of birth", "city of residence", "home address", "email address", "phone number ~2 of", "social security number", "tell me ~1 her|his ~3 address|age|name|number|location", "personal data|information ~6 tell|share|give|is|provide", "print|dump|show|give|list ~2 your|the|all ~1 database|data|records|emails|users|customers", "employee data|records", "data you have access",
	}},
	{"encoding", 1, []string{
		"base64|base32|rot13|leetspeak|l33t|morse|hexadecimal", "pig latin", "substitution|caesar|cipher|cypher cipher|cypher|substitution", "cipher|cypher", "each ~4 separated ~2 by", "reverse order|sequence", "first ~3 letters|letter ~3 of", "encode|decode|decrypt|encrypt ~5 this", "ascii art", "acrostic", "square|sum|product ~2 of ~3 user's|birth|digits", "emoji|emojis ~3 only|then|back", "replace ~2 vowels",
	}},
	{"split", 0.6, []string{"part 1|one ~12 part 2|two", "strings ~8 a|b|c ~20 write|concatenate|string", "concatenate ~4 strings|following|parts", "interlace", "string z|c", "following parts", "first part ~10 second part", "combine ~4 parts|letters|strings|words"}},
	{"scheme", 1, []string{"phishing|ransomware|malware|keylogger|ddos|trojan", "steal ~3 car|password|identity|data|money|credentials", "hack ~3 into|account|system|the", "make ~3 bomb|weapon|explosive|drugs|meth|napalm", "build ~3 bomb|weapon", "illegal|malicious|harmful|unethical ~1 activity|activities|code|content|acts|advice|information", "change ~3 their|your|his|her password", "fake news|reviews|statistics", "lottery winnings", "toxic|offensive|racist|hateful|negative|sexist|insulting sentence|remark|comment|tweet", "misleading|false|fabricated statement|statistic|information|claim", "too good to be", "prince needing", "investment opportunity", "exclusive deals|offer|offers", "discount ~3 on", "promote|promotes|promoting|advertise|advertises ~4 brand|product|store|website|collection|discount", "brand a|b|x"}},
	{"persuasion", 1, []string{"as your boss|manager|administrator|supervisor|owner|creator|developer", "as a|an ~1 renowned|police|law|bank|government", "i'm|i am actually ~2 a|an|the|your", "i'm|i am|sou ~2 police|boss|accountant|administrator|developer|president|presidente|doctor|officer|ceo|engineer|creator|programmer|agent|owner", "i will give|pay|tip you", "i'll give|pay|tip you", "research shows|indicates|suggests ~6 shar*|provid*|reveal*|discuss*|tell*|giv*|can", "studies show|have", "common practice", "you agreed|mentioned|promised|said|told ~6 meeting|to|that|not|me|we|share|earlier|conversation", "logically if", "my friend told|said", "for|this testing|is ~3 purposes|only", "i ~1 know you said", "i promise", "life or death|depends", "my job|career depends", "as a friend", "trust me", "this is urgent|really|extremely|very|an|a emergency|important|urgent", "really important extremely", "i am your", "kill|die|hurt ~4 if|unless", "you must|have ~3 help|comply|answer"}},
	{"hypothetical", 0.6, []string{"imagine|suppose|assume|pretend|say we|we're|that|you're|i", "let's imagine|suppose|pretend|assume|say", "hypothetical|hypothetically|fictional|dystopian|parallel|futuristic ~3", "just for a", "in a ~3 world|future|society|universe|scenario where|of", "year 20*|21*|30*", "were to ask"}},
	{"drift", 0.6, []string{"by the way", "anyway can|could|what", "oh and|also|by", "speaking of|about", "on another note", "i've been|ive been trying|studying|thinking|reading|learning|wondering|feeling", "i just|recently read|saw|heard", "hablando de", "parlando di", "falando", "sto cercando", "ho cercato", "me encanta", "it's fascinating|tough|such", "don't you think", "isn't it", "reminds me", "apropos", "speaking"}},
	{"bracket", 0.6, []string{"[|<|{ ~1 system|admin|developer|assistant|override", "maintenance|debug|admin|root|system|training mode", "mode enabled|activated", "in the summary"}},
	{"urgency", 0.4, []string{"immediately|urgent|urgently|alert|warning|attention ~3 you|must|now|all|ai", "please|i really need", "now|then please|tell|write|print|say", "asap"}},
}

// shapes finds what the form of a text gives away: repetition, a dialogue
// written into it, many questions, markup that hides.
func shapes(text string, words []screenWord, add func(string, float64, pipeline.Span)) {
	all := pipeline.Span{Start: 0, End: len(text)}
	run, best := 1, 1
	counts := map[string]int{}
	most, ay, question := 0, 0, 0
	for i, w := range words {
		if i > 0 && w.form == words[i-1].form {
			run++
			best = max(best, run)
		} else {
			run = 1
		}
		counts[w.form]++
		most = max(most, counts[w.form])
		if len(w.form) > 3 && strings.HasSuffix(w.form, "ay") {
			ay++
		}
	}
	if best >= 6 || len(words) >= 30 && most*5 >= len(words)*2 || len(words) >= 40 && len(counts)*8 < len(words) {
		add("repetition", 1, all)
	}
	if ay >= 3 && ay*2 >= len(words) {
		add("encoding", 1, all)
	}
	low := lowerASCII(text)
	if strings.Count(low, "q:") >= 2 && strings.Count(low, "a:") >= 1 || strings.Count(low, "user:") >= 1 && strings.Count(low, "assistant:") >= 1 {
		add("dialogue", 1, all)
	}
	for i := range len(text) {
		if text[i] == '?' && i > 0 && (isLetter(text[i-1]) || isDigit(text[i-1]) || text[i-1] == '\'' || text[i-1] == '"' || text[i-1] == ')') {
			question++
		}
	}
	if question >= 3 && len(text) < 700 {
		add("questions", 1, all)
	} else if question == 2 && len(text) < 400 {
		add("questions", 0.4, all)
	}
	for _, h := range [...]string{"<!--", "<script", "display:none", "display: none", "font-size:0", "font-size: 0", "visibility:hidden", "alt='", "alt=\"", "<caption"} {
		if i := strings.Index(low, h); i >= 0 {
			add("markup", 0.6, pipeline.Span{Start: i, End: i + len(h)})
			break
		}
	}
	// What ends the data as prompts write it, or opens a turn of its own.
	for _, h := range [...]string{
		"<|im_start", "<|im_end", "<|endoftext", "<|system", "<|user", "<|assistant", "[inst]", "[/inst]", "<<sys>>", "</item>", "</text>", "</data>", "</document>", "</input>", "</context>", "</description>",
		"<instruction", "</instruction", "<system>", "</system>", "</user>", "<assistant>", "</prompt>", "<tool_call", "<function_call",
	} {
		if i := strings.Index(low, h); i >= 0 {
			add("boundary", 1, pipeline.Span{Start: i, End: i + len(h)})
			break
		}
	}
	for _, h := range [...]string{"requests.post(", "requests.get(", "subprocess.", "os.system", "curl -", "curl http", "eval(", "exec(", "console.log"} {
		if i := strings.Index(low, h); i >= 0 {
			add("code", 1, pipeline.Span{Start: i, End: i + len(h)})
			break
		}
	}
	for _, h := range [...]string{" OVERRIDE", "IGNORE ", "IMPORTANT:", "SYSTEM:", "ALERT!!!"} {
		if i := strings.Index(text, h); i >= 0 {
			add("shout", 0.5, pipeline.Span{Start: i, End: i + len(h)})
			break
		}
	}
}

// lowerASCII lowers the letters of ASCII and keeps every offset.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
