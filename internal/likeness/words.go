package likeness

import "strings"

// negation is the axis of a "not" that turns around no word of direction.
const negation = "not"

// undoing are the axes on which the pole - takes back what the rest of a headline says.
var undoing = []string{negation, "consent", "pact", "earnings", "motion"}

// dealLadder is the one of deals and plans.
const dealLadder = "deal"

// speaking are the ladders on which silence is a rung: who says nothing of how far a deal
// has come announces it.
var speaking = []string{dealLadder, "offering", "scope"}

// axes are pairs of opposites. A verb stands for all its forms, another word with a
// dot before it for itself only. No word is on two axes.
var axes = []struct{ name, plus, minus string }{
	{
		"level",
		".more rise .rose .risen gain climb .up .higher grow .grew .grown increase jump surge soar rally advance rebound spike raise lift boost hike expand accelerate double triple improve .upbeat strengthen .stronger .increased",
		".less fall .fell .fallen drop .down .lower decline .decreases decrease sink .sank .sunk slide .slid plunge slump tumble dip slip reduce cut slash trim lower .downbeat weaken .weaker slow crash retreat tank halve",
	},
	{"result", "beat top exceed surpass outperform .above .ahead .better", "miss trail underperform lag .below .short .worse disappoint"},
	{"earnings", ".profit .profits .income .profitable .profitability", ".loss .losses .unprofitable .deficit"},
	{"gap", "narrow shrink .shrank .shrunk", "widen .wider"},
	{"rating", "upgrade .overweight", "downgrade .underweight"},
	{"trade", "buy .bought purchase", "sell .sold divest offload .sale"},
	{"consent", "approve .approval .approvals clear .clearance authorise authorize .authorization endorse", "reject .rejection deny .denial refuse block ban veto oppose .opposition"},
	{"pact", "agree .agreement sign renew extend", "terminate .termination cancel .cancellation scrap abandon withdraw revoke pull default .withdrew .withdrawn"},
	{"outcome", "win .won succeed .success .successful meet .met achieve", "lose .lost fail .failure .unsuccessful flop"},
	{"motion", "resume .resumption restart reopen reinstate restore start begin .began launch", "halt suspend .suspension pause stop delay .shutdown .shutter postpone .postponement defer discontinue shut idle freeze"},
	{"standing", "regain .compliant", ".noncompliance .delinquent .delisting delist"},
	{"staff", "hire appoint join name", "fire quit resign .resignation depart .departure oust .exit .exits leave .layoffs .layoff dismiss"},
	{"listing", "add", "remove .removal"},
	{"law", "settle .settlement acquit exonerate", "sue charge indict accuse .probe investigate .investigation"},
	{"stance", "hawk .hawkish tighten .bullish .optimistic", ".dovish ease loosen .bearish .pessimistic warn .warning .cautious"},
}

// steps are ladders: how far something has come, rung by rung.
var steps = []struct {
	ladder string
	rungs  []string
}{
	{dealLadder, []string{
		"consider .considering explore weigh mull eye .eyeing .talks near .may .could .might .rumored .reportedly propose .proposal seek .potential .possible .interested .bid .bids .bidding",
		"",
		"complete .completion pass finalise finalize .finalised .finalized conclude consummate",
	}},
	{"offering", []string{".proposed", "price .priced .pricing", ".closed .closes .closing .completes .completed"}},
	{"review", []string{"file submit seek .submission apply .application", ".accepts .accepted .acceptance", "approve .approval .approvals .clearance"}},
	{"trial", []string{"initiate enroll enrol dose .dosed .dosing .randomised .randomized", ".interim", ".topline .results .data .readout"}},
	{"scope", []string{"expand .expansion"}},
	{"court", []string{"sue .sues .sued", "settle .settles .settlement", "appeal .appeals .appealed"}},
}

type pole struct {
	axis string
	sign byte
}

type rung struct {
	ladder string
	height int
}

var (
	poles = allPoles()
	rungs = allRungs()
)

func allPoles() map[string]pole {
	m := map[string]pole{}
	for _, a := range axes {
		for _, side := range []struct {
			words string
			sign  byte
		}{{a.plus, '+'}, {a.minus, '-'}} {
			for _, word := range forms(side.words) {
				if _, ok := m[word]; !ok {
					m[word] = pole{a.name, side.sign}
				}
			}
		}
	}
	return m
}

func allRungs() map[string][]rung {
	m := map[string][]rung{}
	for _, s := range steps {
		for i, words := range s.rungs {
			for _, word := range forms(words) {
				m[word] = append(m[word], rung{s.ladder, i + 1})
			}
		}
	}
	return m
}

// forms are the words of a list: verbs in all forms, ".word" as it is.
func forms(list string) []string {
	var all []string
	for word := range strings.FieldsSeq(list) {
		if exact, ok := strings.CutPrefix(word, "."); ok {
			all = append(all, exact)
			continue
		}
		all = append(all, inflected(word)...)
	}
	return all
}

// inflected makes the forms of a regular verb, and a few that no verb has.
func inflected(verb string) []string {
	stem := strings.TrimSuffix(verb, "e")
	last := verb[len(verb)-1:]
	all := []string{verb, verb + "s", verb + "es", stem + "ed", stem + "ing"}
	if y, ok := strings.CutSuffix(verb, "y"); ok {
		all = append(all, y+"ies", y+"ied")
	}
	return append(all, verb+last+"ed", verb+last+"ing") // drop, dropped
}
