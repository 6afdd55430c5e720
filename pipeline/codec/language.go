package codec

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Unknown is the language of a text that is too short, or written in none that
// Language knows.
const Unknown = "unknown"

// languageBytes is how much of a text Language looks at: far more than it
// needs, and little enough to cost nothing.
const languageBytes = 64 << 10

// function words of each language: those that a text of any subject is full
// of. A word of several languages says less for each of them.
var functionWords = map[string]string{
	"de": "der die das den dem des ein eine einen einem einer eines und oder aber nicht ist sind war waren wird werden wurde wurden hat haben hatte mit von zu zum zur auf aus bei nach vor für über unter durch gegen ohne um an im in am als auch nur noch schon wenn dann weil dass wie so sie er es wir ihr ich du sich man kann muss soll sein seine ihre bitte sehr mehr zwischen jedoch bis sowie diese dieser dieses welche beim vom nichts alle hier dort da werde bin bist habe",
	"en": "the a an and or but not is are was were be been being has have had with of to for from by at on in into onto as if then because that this these those which who whom what when where how it its he she they we you i his her their our your my will would can could should must may might do does did than so only also more most very no nor about over under between after before while each any all there here please up out off",
	"fr": "le la les un une des du de et ou mais ne pas est sont était étaient être été a ont avait avec par pour sur dans sous sans entre chez vers à au aux en ce cet cette ces qui que quoi dont où comme si alors car il elle ils elles nous vous je tu on se sa son ses leur leurs notre votre plus très aussi même tout tous toute toutes peut doit fait faire lors afin ainsi donc après avant pendant depuis jusqu n'est c'est qu'il d'un d'une l'on ont soit",
	"es": "el la los las un una unos unas de del y o pero no es son era eran ser sido ha han había con por para sobre en entre sin hasta desde hacia a al que quien cual cuyo donde cuando como si entonces porque él ella ellos ellas nosotros usted ustedes yo tú se su sus mi tu nuestro más muy también sólo solo ya todo todos toda todas puede debe hay esta este estos estas ese esa lo le les fue está están muy cada durante según",
	"it": "il lo la i gli le un uno una di del dello della dei degli delle e o ma non è sono era erano essere stato ha hanno aveva con per da dal dalla su sul sulla nel nella nei nelle in tra fra a al alla ai che chi cui dove quando come se allora perché egli lui lei loro noi voi io tu si suo sua suoi nostro più molto anche solo già tutto tutti tutta tutte può deve c'è questo questa questi queste quello ogni durante dopo prima senza viene fatto dell'",
	"nl": "de het een en of maar niet is zijn was waren wordt worden werd heeft hebben had met van te voor op uit bij naar door tegen zonder om aan in als ook alleen nog al wanneer dan omdat dat die dit deze hoe zo zij hij wij jullie ik je jij zich men kan moet zal hun haar ons onze meer zeer tussen echter tot welke geen er hier daar over onder na",
	"pt": "o a os as um uma uns umas de do da dos das e ou mas não é são era eram ser sido foi tem têm tinha com por para sobre em no na nos nas entre sem até desde ao à aos às que quem qual cujo onde quando como se então porque ele ela elas nós você vocês eu tu seu sua seus suas meu nosso mais muito também só já todo todos toda todas pode deve há esta este estes estas esse isso pelo pela cada durante depois antes",
}

// typical letter sequences, for texts of few function words. The mark _ is the
// edge of a word.
var typicalGrams = map[string]string{
	"de": "sch ich ung ein ver cht gen _ge ß ä ü eit ung_ lich_ keit_ isch_ ent_ ten_ auf _zu _be bei ierun _ab",
	"en": "th the_ ing_ tion_ wh ough ly_ ness_ ed_ ould igh _sh ck_ ment_ ight _wi tch ee oo ow_ ay_",
	"fr": "eau ç ê è ment_ tion_ eux_ eur_ oir_ ique_ qu é_ ées_ aux_ ait_ _dé elle_ our_ _l' _d' ette_ oi œ",
	"es": "ción_ ñ ó_ dad_ ado_ idos_ ción mente_ ll _qu ie ue ez_ os_ as_ rr á_ í aje_ ¿ ¡ _es iend",
	"it": "zione_ gli cch zz tà_ ità_ ioni_ ato_ ella_ ggi ò_ ù_ mente_ ch gn sc ere_ are_ tt ll_ uo i_ _st",
	"nl": "ij aa ee oe uu sch_ ijk_ heid_ lijk_ _ge aar_ een_ oor_ eer_ cht_ tie_ ng_ _ve aan_ uit_ ie_",
	"pt": "ção_ ções_ ão_ ã õ lh nh dade_ mente_ ç ê ém_ á_ ada_ ado_ _qu ei_ ou_ eir agem_ ir_",
}

// A clue is what a word or a sequence says: a weight per language.
type clue [numLanguages]float32

const numLanguages = 7

var languages = [numLanguages]string{"de", "en", "es", "fr", "it", "nl", "pt"}

// Made when the first text is asked for: a function that judges numbers starts
// without.
var (
	wordClues = sync.OnceValue(func() map[string]clue { return cluesOf(functionWords, 1) })
	gramClues = sync.OnceValue(func() map[string]clue { return cluesOf(typicalGrams, 0.25) })
)

func cluesOf(lists map[string]string, weight float32) map[string]clue {
	count := map[string]int{}
	for _, l := range lists {
		for _, w := range strings.Fields(l) {
			count[w]++
		}
	}
	out := map[string]clue{}
	for i, lang := range languages {
		seen := map[string]bool{}
		for _, w := range strings.Fields(lists[lang]) {
			if seen[w] {
				continue
			}
			seen[w] = true
			c := out[w]
			c[i] = weight / float32(count[w])
			out[w] = c
		}
	}
	return out
}

// Language tells in which of seven languages (de, en, es, fr, it, nl, pt) a
// text is written, or Unknown. It counts function words and, at a lower weight,
// letter sequences that are typical of a language; the best language must be
// ahead of the next one and explain enough of the words. Digits, codes and
// words in capitals and digits say nothing.
func Language(text string) string {
	if len(text) > languageBytes {
		text = text[:languageBytes]
		for len(text) > 0 && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) {
			text = text[:len(text)-1]
		}
	}
	byWord, byGram := wordClues(), gramClues()
	var sum clue
	words, hits := 0, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '\'' && r != '’' && !unicode.IsDigit(r) && r != '¿' && r != '¡'
	}) {
		w = strings.Trim(strings.ReplaceAll(w, "’", "'"), "'")
		if w == "" || strings.IndexFunc(w, unicode.IsDigit) >= 0 {
			continue
		}
		words++
		if c, ok := byWord[w]; ok {
			hits++
			sum.add(c)
		}
		if head, tail, cut := strings.Cut(w, "'"); cut {
			if c, ok := byWord[tail]; ok {
				sum.add(c)
			}
			if len(head) <= 2 { // l', d', qu', dell' is Italian
				sum.add(byGram["_"+head+"'"])
			}
		}
		grams("_"+w+"_", func(g string) { sum.add(byGram[g]) })
	}
	if words < 3 {
		return Unknown
	}
	best, next := -1, -1
	for i := range sum {
		switch {
		case best < 0 || sum[i] > sum[best]:
			best, next = i, best
		case next < 0 || sum[i] > sum[next]:
			next = i
		}
	}
	total := sum[best]
	if total < 1 || total/float32(words) < 0.12 || hits*12 < words || total < 1.15*sum[next] {
		return Unknown
	}
	return languages[best]
}

func (c *clue) add(o clue) {
	for i := range c {
		c[i] += o[i]
	}
}

// grams yields the sequences of one to five letters of a word.
func grams(w string, yield func(string)) {
	for i := range w {
		end := i
		for n := 1; n <= 5 && end < len(w); n++ {
			_, size := utf8.DecodeRuneInString(w[end:])
			end += size
			yield(w[i:end])
		}
	}
}
