package prescale

// A group is a category of news and the phrases that tell of it. One phrase of a
// group is as good as five: a text that repeats itself is no better news.
type group struct {
	name   string
	weight float64 // signed: what it is expected to do to the price
	lines  []string
}

// lexicon is the shipped one. Weights are expectations for a small or mid-sized
// company: an event that is likely to move its price weighs 0.5 or more; words
// that merely say that something moved weigh little, because headlines are full
// of them.
var lexicon = []group{
	{"fda", 0.7, []string{
		"fda approval|approvals|clearance|nod", "fda approves|approved|clears|cleared|grants|granted|accepts|accepted",
		"approved|cleared|authorized by fda", "approved|cleared|authorized by the fda", "approval from the fda", "marketing authorization|authorisation",
		"breakthrough therapy|device designation", "fast track designation", "orphan drug designation", "rare pediatric disease designation", "regenerative medicine advanced therapy designation",
		"priority review", "accelerated approval", "emergency use authorization", "510 k clearance", "510k clearance", "de novo clearance|classification",
		"new drug application accepted", "biologics license application accepted", "receives|received ce mark", "positive chmp opinion", "wins regulatory approval|clearance", "receives regulatory approval|clearance",
	}},
	{"clinical", 0.6, []string{
		"positive topline|data|results from phase", "positive topline results|data", "positive top line results|data", "positive phase 1|2|3|2a|2b|1b|i|ii|iii",
		"positive interim|clinical|pivotal data|results", "meets|met primary endpoint", "meets|met its primary endpoint", "meets|met the primary endpoint", "achieves|achieved primary endpoint", "achieved its primary endpoint",
		"statistically significant improvement|reduction|benefit", "statistically significant and clinically meaningful", "complete response rate", "overall survival benefit", "first patient dosed", "first patient enrolled",
		"ind clearance", "investigational new drug application cleared", "trial succeeds", "study succeeds", "successful in late stage|mid stage", "phase 2|3|ii|iii success",
	}},
	{"advanced_therapies", 0.35, []string{
		"gene therapy", "gene editing", "cell therapy", "car t", "crispr", "base editing", "mrna vaccine|therapy", "stem cell therapy", "radiopharmaceutical|radiopharmaceuticals", "antibody drug conjugate", "rna interference", "glp 1",
	}},
	{"regulatory_setback", -0.8, []string{
		"complete response letter", "fda rejects|rejected|declines|declined|refuses|refused", "rejected by the fda", "refusal to file letter", "refuse to file letter", "clinical hold", "partial clinical hold", "fda warning letter", "warning letter from the fda",
		"not approve|approved", "fails|failed to win approval", "withdraws|withdrew marketing application", "withdraws|withdrew new drug application", "advisory committee votes|voted against", "approval delayed|denied|revoked", "black box warning", "boxed warning", "import alert",
	}},
	{"clinical_failure", -0.8, []string{
		"did|does not meet primary endpoint", "did|does not meet its primary endpoint", "did|does not meet the primary endpoint", "failed|fails to meet primary|its|the", "misses|missed primary endpoint", "misses|missed its primary endpoint", "missed the primary endpoint",
		"trial fails|failed|failure|halted|discontinued|terminated|paused", "study fails|failed|halted|discontinued|terminated|paused", "discontinues|halts|terminates|pauses development|trial|study|enrollment|dosing", "discontinue development", "not statistically significant", "serious adverse event|events", "patient death|deaths", "disappointing trial|topline|data", "negative topline",
	}},
	{"acquisition", 0.7, []string{
		"to be acquired", "agrees|agreed to acquire|buy|merge|sell", "definitive agreement to acquire|merge|sell", "definitive merger agreement", "merger agreement", "enters|entered into merger agreement", "acquisition agreement", "to acquire|buy|merge", "acquires|acquired|acquiring", "acquisition|acquisitions|takeover|buyout|merger", "takes over",
		"completes|completed acquisition|merger", "tender offer", "go private", "going private", "take private", "strategic alternatives|review", "unsolicited proposal|offer|bid", "all cash offer|transaction|deal", "takeover bid|offer|interest", "exploring a sale|sale", "explores sale", "letter of intent to acquire", "cash and stock deal", "to buy out", "buys stake", "stake sale", "spin off|spinoff|spins", "divestiture|divests", "bidding war",
	}},
	{"deal_broken", -0.5, []string{
		"terminates|terminated|ends|ended merger|acquisition|takeover", "terminates|terminated merger|acquisition agreement", "termination of merger|acquisition agreement", "termination of the merger|acquisition agreement", "calls|called off merger|deal|takeover", "walks|walked away from", "rejects|rejected offer|bid|proposal|takeover", "withdraws|withdrew offer|bid|proposal", "deal collapses|collapsed", "blocks|blocked merger|deal|acquisition",
	}},
	{"contract", 0.45, []string{
		"awarded contract|contracts", "awarded a contract", "awarded multi million|year|billion", "contract award|awards|win|wins|worth|valued", "wins|won|secures|secured|receives|received|lands|signs|signed contract|order|orders|deal", "wins|won|secures|secured|receives|received|lands|signs|signed a|an|new|major|multi|large|significant|first contract|order|deal",
		"wins|won|signs|signed million|billion contract|order|deal", "purchase order|orders", "supply agreement|contract", "offtake agreement", "framework agreement", "multi year agreement|contract", "definitive agreement with", "department of defense contract|award", "pentagon contract", "army|navy|nasa|darpa contract|award", "air force contract|award", "government contract|award", "long term contract|agreement|order", "signed|signs|sign an|a agreement", "signed|signs agreement", "task order", "order worth|valued", "deal worth|valued", "contract for|from|to", "selected as supplier|by", "design win",
	}},
	{"partnership", 0.4, []string{
		"strategic partnership|collaboration|alliance|investment|agreement", "partners|teams up with", "partnership|collaboration with", "enters|announces|forms|signs|expands partnership|collaboration", "joint venture", "license|licensing agreement|deal", "exclusive license|distribution|agreement", "collaboration agreement", "milestone payment|payments", "upfront payment", "memorandum of understanding", "commercial agreement",
	}},
	{"uplisting", 0.5, []string{
		"uplist|uplists|uplisting", "uplisting to nasdaq|nyse", "approved for listing on|nasdaq|nyse", "to begin trading on nasdaq|nyse|the", "begins trading on nasdaq|nyse|the", "added to s&p|russell|nasdaq|msci", "to join s&p|russell|msci", "joins s&p|russell|msci", "index inclusion",
	}},
	{"compliance_regained", 0.4, []string{
		"regains|regained|regain compliance", "regained compliance with nasdaq|nyse", "back in compliance", "meets|met listing requirements", "grants|granted extension to regain", "hearing panel grants|granted",
	}},
	{"noncompliance", -0.6, []string{
		"delisting|delisted|delist", "notice of delisting", "deficiency notice|letter", "non compliance notice", "noncompliance", "not in compliance with", "minimum bid price requirement|deficiency|rule", "notice of failure", "failure to satisfy a continued listing", "suspended from trading", "trading suspension", "late filing notice", "unable to file", "fails to file", "staff determination letter",
	}},
	{"offering", -0.6, []string{
		"public offering", "registered direct offering|placement", "underwritten offering|public", "secondary offering", "follow on offering", "offering of common|ordinary|shares|units|stock|american", "offering of its common", "private placement", "proposed offering|public", "announces|announced offering|pricing", "pricing of", "priced its|offering|underwritten|public", "share|stock|equity sale|offering|raise|issue|issuance", "rights offering|issue", "best efforts offering", "bought deal", "direct listing of shares", "concurrent private placement", "sells|sell shares to raise", "capital raise|raising",
	}},
	{"offering_upsized", -0.2, []string{
		"upsized", "upsizes", "upsize", "increases size of", "exercise of over allotment|overallotment", "full exercise",
	}},
	{"offering_closed", -0.2, []string{
		"closes|closed|completes|completed public|registered|underwritten|secondary|private|direct offering|placement", "closing of public|registered|underwritten|private offering|placement|direct", "closing of its|the public|previously|private", "announces closing of",
	}},
	{"dilution", -0.6, []string{
		"dilution|dilutive|dilutes", "reverse stock|share split", "reverse split", "share consolidation", "at the market offering|program|facility|sales", "atm program|offering|facility", "equity line|distribution agreement", "increase in authorized shares", "increases authorized shares", "shelf registration", "mixed shelf", "resale registration", "unregistered sales of equity", "unregistered sale of equity",
	}},
	{"warrants", -0.35, []string{
		"warrant inducement", "exercise of warrants", "warrants exercised", "pre funded warrants", "prefunded warrants", "warrant exercise", "warrants to purchase", "convertible notes|note|debenture|debentures|preferred", "convertible senior notes", "toxic financing",
	}},
	{"going_concern", -0.9, []string{
		"going concern", "substantial doubt about", "substantial doubt", "ability to continue as", "liquidity concerns|crunch|crisis", "running out of cash", "cash runway into|through only",
	}},
	{"distress", -1.0, []string{
		"bankruptcy|insolvency|insolvent|receivership|administration order", "chapter 11|7|15", "files for bankruptcy|insolvency|protection", "bankruptcy protection", "creditor protection", "liquidation|liquidate|liquidates", "wind down|up operations", "winding down", "ceases|cease operations", "event of default", "defaults on", "defaulted on", "notice of default|acceleration", "forbearance agreement", "missed interest|coupon payment", "covenant breach|waiver", "debt restructuring", "distressed exchange", "suspends|suspended|cuts|slashes|eliminates dividend", "dividend cut|suspended|suspension",
	}},
	{"accounting", -0.7, []string{
		"restatement|restate|restates|restated", "non reliance", "nonreliance on", "should no longer be relied upon", "accounting irregularities|errors|probe|scandal|fraud", "material weakness", "auditor resigns|resigned|resignation|dismissed", "delays|delayed annual|quarterly report|filing", "notification of late filing",
	}},
	{"legal", -0.5, []string{
		"sec charges|investigation|probe|subpoena|lawsuit", "subpoena|subpoenas|subpoenaed", "doj investigation|probe", "department of justice investigation|probe", "under investigation", "indicted|indictment", "fraud", "sued by|over|for", "sues", "lawsuit|lawsuits", "antitrust suit|probe|lawsuit|investigation", "patent infringement", "fined", "penalty of", "settlement with the sec|doj", "guilty", "short seller report", "recall|recalls|recalled", "data breach", "cyberattack|ransomware", "cybersecurity incident", "product recall", "impairment|impairments|write down|writedown|writes down", "halts|halted production", "plant closure|shutdown", "strike action",
	}},
	{"management_exit", -0.3, []string{
		"ceo|cfo|chairman|president|chief resigns|resignation|departs|exits|ousted|fired|leaves|out", "chief executive|financial officer resigns|departs|exits|ousted|leaves", "resignation of chief", "steps|stepping down", "abrupt departure", "terminated for cause", "placed on leave",
	}},
	{"job_cuts", -0.3, []string{
		"layoffs|layoff", "lay off|offs", "job cuts|losses", "cuts|cutting|cut jobs|staff|workforce", "workforce reduction", "reduction in force", "personnel reductions|negotiations", "redundant|redundancies", "to close plants|stores|factory|plant", "restructuring charges|charge|plan", "temporary lay offs",
	}},
	{"earnings_beat", 0.5, []string{
		"record revenue|revenues|earnings|sales|profit|quarter|results|orders|backlog", "beats|beat|tops|topped|exceeds|exceeded|surpasses|surpassed|crushes estimates|expectations|consensus|forecasts|views|forecast|guidance", "beats|tops|exceeds wall street|analyst|eps|revenue|earnings|profit|q1|q2|q3|q4", "beats by|on", "beat earnings|analyst|revenue|wall", "better than expected|forecast", "above|exceeding expectations|estimates|consensus", "stronger than expected", "swings|swung|returns|returned to profit|profitability", "turns profitable", "first profitable quarter", "profit|earnings|revenue|sales|income|ebitda|results surges|surge|surged|soars|soared|jumps|jumped|doubles|doubled|triples|tripled",
		"revenue|sales|profit|income|earnings|ebitda|margin|orders|eps rose|rises|increased|increases|grew|grows|up|climbed|climbs|improved|improves", "operating|net|pretax profit|income|result rose|increased|grew|improved|up|climbed|jumped|surged|soared", "profit rose|grew|increased|improved", "sales growth", "revenue growth", "strong quarter|results|demand|earnings",
	}},
	{"earnings_miss", -0.5, []string{
		"misses|missed estimates|expectations|consensus|forecasts|views", "misses|missed by|on", "miss on revenue|eps", "misses wall street|analyst|eps|revenue|earnings|q1|q2|q3|q4", "worse|weaker than expected|forecast", "below expectations|estimates|consensus", "falls|fell short", "swings|swung to loss", "swings|swung to a loss", "wider|widening loss|losses", "loss widens|widened", "profit warning", "net|operating|pretax|quarterly loss", "disappointing results|earnings|quarter|sales|revenue",
		"revenue|sales|profit|income|earnings|ebitda|margin|orders|eps fell|falls|dropped|drops|declined|declines|decreased|decreases|down|slid|slumped|plunged|shrank|slumps|plunges|tumbled", "operating|net|pretax profit|income|result fell|dropped|declined|decreased|down|slid|slumped|plunged|tumbled", "weak|weaker|slowing|soft demand|sales|quarter|results", "posts|posted|reports|reported loss", "posts|posted|reports|reported a loss", "made a loss", "loss of eur|usd",
	}},
	{"guidance_raised", 0.6, []string{
		"raises|raised|raising|boosts|boosted|lifts|lifted|increases|increased|hikes|upgrades guidance|outlook|forecast|forecasts|view|target|targets", "raises|raised|boosts|lifts|increases its|full|fy|annual|2025|2026|2027|profit|revenue|earnings|sales guidance|outlook|year|forecast", "ups guidance|outlook|forecast", "guidance|outlook above|raised|lifted|boosted", "guides above|higher", "reaffirms and raises", "expects|sees record|higher revenue|sales|profit|earnings", "strong outlook|guidance|forecast",
	}},
	{"guidance_cut", -0.6, []string{
		"cuts|cut|lowers|lowered|slashes|slashed|reduces|reduced|trims|trimmed|withdraws|withdrew|suspends guidance|outlook|forecast|forecasts|view|target|targets", "cuts|cut|lowers|slashes|withdraws its|full|fy|annual|2025|2026|2027|profit|revenue|earnings|sales guidance|outlook|year|forecast", "guidance|outlook below|cut|lowered|slashed|withdrawn", "guides below|lower", "weak|soft|cautious|disappointing outlook|guidance|forecast", "warns on profit|sales|revenue", "warns of", "issues warning",
	}},
	{"capital_return", 0.4, []string{
		"share|stock repurchase|buyback|buybacks", "buyback program|programme", "repurchase program", "special dividend|distribution", "raises|raised|increases|increased|hikes|boosts|doubles dividend|payout", "raises|increases quarterly|its|annual dividend", "dividend increase|hike", "initiates dividend", "stock split", "accelerated share repurchase",
	}},
	{"activist", 0.45, []string{
		"activist investor|stake|fund|hedge", "discloses|disclosed|takes|took|builds|built|acquires|acquired stake", "discloses|takes|builds|acquires a|new|large|significant|major stake", "schedule 13d", "sc 13d", "13d filing", "proxy fight|contest", "board seat|seats", "insider buying|purchase|buys", "open letter to", "poison pill", "shareholder rights plan", "strategic investment from|by", "berkshire hathaway stake|buys",
	}},
	{"analyst_up", 0.35, []string{
		"upgrade|upgrades|upgraded", "raised|upgraded to buy|outperform|overweight|neutral|hold", "price target raised|lifted|boosted|hiked", "target raised|lifted|boosted", "raises|lifts|boosts price target", "pt raised", "initiated at|with buy|outperform|overweight", "initiates at|with buy|outperform", "top pick", "maintained|reiterated|named|rated as|at|conviction buy", "ups|resumes to|at buy|outperform|overweight|neutral", "analysts lift|lifting|lifted|raise|raised", "starts at buy|outperform|overweight", "started at buy|outperform|overweight", "raised fair value", "raised the fair value", "gains a bull",
	}},
	{"analyst_down", -0.35, []string{
		"downgrade|downgrades|downgraded", "cut|cuts|lowered to sell|hold|neutral|underperform|underweight|equal", "price target cut|lowered|slashed|trimmed", "target cut|lowered|slashed|trimmed", "cuts|lowers|slashes price target", "pt cut|lowered", "initiated at|with sell|underperform|underweight", "gains a bear", "started|starts at sell|underperform|underweight", "target|targets trimmed", "slashes pt", "analysts cut|cutting|trim|trimming|trimmed|slash", "cut at", "loses a bull", "short report",
	}},
	{"energy", 0.35, []string{
		"oil|gas|hydrocarbon discovery|find", "makes|made discovery", "significant discovery", "commercial discovery", "first oil|gas|production", "flow rate|test", "drilling success", "successful well|wells|drilling", "proved reserves", "reserves increase|upgrade", "hydrogen project|order", "power purchase agreement", "lng contract|deal|agreement", "nuclear reactor|license|approval", "geothermal|uranium",
	}},
	{"mining", 0.35, []string{
		"high grade", "drill|drilling|assay results", "intersects|intercepts|intersected", "maiden resource", "resource estimate", "feasibility study", "preliminary economic assessment", "bonanza grade", "rare earth|earths", "lithium discovery|deposit|supply|project", "mining permit|licence|license", "g t gold|au", "gold|copper|silver discovery",
	}},
	{"crypto", 0.35, []string{
		"bitcoin|ethereum|solana treasury|strategy|holdings|purchase|reserve", "buys|bought|purchases|acquires bitcoin|ethereum", "crypto treasury", "digital asset treasury|strategy", "stablecoin|tokenization|tokenized", "blockchain partnership|platform", "mining hashrate", "bitcoin etf", "spot etf",
	}},
	{"ai_quantum", 0.35, []string{
		"artificial intelligence partnership|contract|platform|deal", "ai partnership|contract|deal|data|infrastructure|chip|chips|agreement|order|supercomputer", "generative ai", "nvidia partnership|collaboration|selects|investment|invests", "quantum computing|computer|processor|chip", "data center contract|deal|lease|agreement|capacity", "gpu cluster|order|orders", "large language model",
	}},
	{"technology", 0.3, []string{
		"patent granted|issued|allowance", "receives|granted|awarded patent", "notice of allowance", "breakthrough technology|results", "first of its kind", "commercial launch", "launches new|first|commercial", "launch of", "unveils", "world first", "launches", "introduces|introduced", "rollout|roll out",
	}},
	{"rises", 0.25, []string{
		"surge|surges|surged|surging", "up from|by", "went|gone up", "risen", "soar|soars|soared|soaring", "jump|jumps|jumped", "rally|rallies|rallied", "spike|spikes|spiked", "skyrockets", "rise|rises|rose|rising", "climb|climbs|climbed", "gain|gains|gained", "higher", "up on", "record high", "all time high", "52 week high", "new high|highs", "rebound|rebounds|rebounded", "outperform|outperforms|outperformed", "bullish", "strong|stronger", "improved|improves|improving|improvement", "increase|increased|increases", "grew|growth|grow|grows|growing", "positive", "advance|advances", "recover|recovers|recovery", "boost|boosts|boosted", "expand|expands|expansion", "profitable", "turnaround", "upside", "optimistic", "success|successful|successfully",
	}},
	{"falls", -0.3, []string{
		"plunge|plunges|plunged", "down from|by", "went|gone down", "fewer", "slump|slumps|slumped", "tumble|tumbles|tumbled", "sink|sinks|sank|sinking", "slide|slides|slid", "crash|crashes|crashed", "drop|drops|dropped", "fall|falls|fell|falling", "decline|declines|declined|declining", "decrease|decreased|decreases", "lower", "loss|losses", "down on", "record low", "52 week low", "new low|lows", "sell off", "selloff", "shed|sheds", "bearish", "weak|weaker|weakness", "disappointing|disappoints", "negative", "tank|tanks|tanked", "plummet|plummets|plummeted", "halted|halts", "warns|warning|warned", "struggle|struggles|struggling", "downturn", "miss|misses|missed", "slow|slows|slowed|slowdown", "cut|cuts", "suffers|suffered", "delays|delayed", "deficit", "shortfall|shortage", "underperform|underperforms",
	}},
}

// noise is what nobody trades on, whatever else it says.
var noise = []string{
	// Law firms looking for clients.
	"class action lawsuit|lawsuits filed|against|on|has|commenced", "securities class action|fraud", "class period", "lead plaintiff|plaintiffs", "investor|investors|shareholder|shareholders alert|notice|reminder|action|deadline|investigation", "deadline alert|reminder|approaching", "law firm|firms|offices", "law offices of", "attorneys at law",
	"reminds|encourages|urges|notifies|alerts|advises|informs investors|shareholders|stockholders", "encourages|urges|reminds purchasers", "investors who|that lost|suffered|purchased|have", "lost money on|in", "losses in excess of", "investigates|investigating claims|potential|possible|whether|on", "investigation on behalf of", "on behalf of investors|shareholders|stockholders|purchasers", "opportunity to lead", "securities litigation", "shareholder rights law|litigation", "contact the firm", "recover your losses",
	"rosen law", "pomerantz llp|law", "bronstein gewirtz", "hagens berman", "levi korsinsky", "faruqi faruqi", "robbins geller|llp", "kessler topaz", "glancy prongay", "schall law", "bragar eagel", "kahn swick", "halper sadeh", "johnson fistel", "gross law", "portnoy law", "klein law", "berger montague", "bernstein liebhard", "kirby mcinerney", "holzer holzer", "monteverde associates", "ademi llp",
	// Notes, funds and shells that file by the dozen.
	"autocallable", "auto callable", "contingent coupon|interest", "buffered notes", "principal at risk", "structured notes", "free writing prospectus", "net asset value|values", "nav per share|unit", "estimated nav", "monthly|weekly distribution|distributions", "distribution per unit|share|class", "declares|announces monthly|weekly distribution|distributions|dividend", "exchange traded fund distribution|distributions", "etf distributions|distribution", "total voting rights", "transaction in own shares", "form 8 3|5", "8 3 dealing", "holding s in company", "director pdmr shareholding",
	"inducement grant|grants|award|awards", "grants|grant under nasdaq listing rule", "listing rule 5635",
	// Talk about news, not news.
	"stocks to watch|buy|consider|know", "things to know", "what to know", "why is it|stock|this", "here why", "is it too late", "should you buy|invest|own|sell|hold", "market research report", "market size|share report|to|worth|projected", "market to reach|surpass|grow|hit", "cagr of", "compound annual growth rate", "top 10|5|3 stocks", "best stocks", "analyst blog", "zacks", "mad money", "jim cramer", "premarket|midday movers", "stock market today|news", "most active stocks", "week in review", "year in review", "sponsored content",
}

// routine is noise too, unless the title also tells of something that matters.
var routine = []string{
	"to present at", "will present at", "presents|presenting at", "presentation at", "to participate in|at", "will participate in|at", "participation in|at", "to attend", "to host", "will host", "to webcast", "webcast of", "fireside chat", "investor conference|conferences|day|presentation", "annual conference|summit", "healthcare|technology|growth|virtual conference", "earnings call transcript|date|scheduled", "conference call|calls to|for|on|scheduled|details", "earnings conference call", "analyst day",
	"to report|announce|release|issue first|second|third|fourth|q1|q2|q3|q4|quarter|full|fiscal|earnings|financial|year|results", "schedules|sets date|dates|first|second|third|fourth|q1|q2|q3|q4|earnings", "sets|announces date|dates of|for", "date of earnings|second|third|first|fourth", "annual general meeting", "annual meeting of shareholders|stockholders", "notice of annual|meeting", "postal ballot", "record date", "declares quarterly|regular|cash dividend", "declares regular quarterly", "quarterly cash dividend|distribution", "announces quarterly|regular|cash dividend", "dividend declaration", "preferred stock dividend|dividends",
	"named to|as one|among|best|a", "recognized as|by|among|for", "wins award|awards", "receives award|recognition", "best places to work", "great place to work", "celebrates", "anniversary of", "sustainability|esg|csr|impact report", "publishes white paper|report", "joins board", "appoints|appointed|names|hires vice|senior|head|director|general|regional", "appoints|names new|advisory|independent|board", "appointment of director|directors|independent|new", "to ring the", "rings the", "opening|closing bell", "newsletter", "podcast", "webinar",
}

// names are words that end a company's name, or nearly: a phrase right before one
// is a part of the name (Breakthrough Therapeutics, Merger Corp).
var names = []string{
	"inc", "incorporated", "corp", "corporation", "co", "ltd", "limited", "llc", "lp", "plc", "ag", "sa", "nv", "ab", "oyj", "asa", "spa", "se", "holdings", "holding", "group", "trust", "fund", "bancorp", "bancshares",
	"partners", "capital", "ventures", "acquisition", "therapeutics", "pharmaceuticals", "pharma", "biosciences", "biopharma", "biotech", "biotherapeutics", "sciences", "laboratories", "labs", "technologies", "systems", "industries", "enterprises", "properties", "realty", "brands", "energy", "resources", "minerals", "mining", "metals", "motors", "semiconductor", "semiconductors", "networks", "software", "entertainment", "financial",
}

// sources are what the publisher adds to what it publishes: its name in
// pipeline.yaml or the host of the item's URL, and the factor on the score.
// Who is not listed counts 1.
var sources = map[string]float64{
	"sec.gov": 1.2, "reuters.com": 1.3, "bloomberg.com": 1.3, "wsj.com": 1.3, "ft.com": 1.3,
	"businesswire.com": 1.2, "globenewswire.com": 1.1, "prnewswire.com": 1.1, "accesswire.com": 1.0, "accessnewswire.com": 1.0,
	"einpresswire.com": 0.7, "prlog.org": 0.5, "openpr.com": 0.5,
}

// items are what the items of an 8-K add. Item 9.01 is there in three of four.
var items = map[string]float64{
	"1.01": 0.35, "1.02": -0.40, "1.03": -1.00, "1.05": -0.60,
	"2.01": 0.40, "2.02": 0.35, "2.03": -0.10, "2.04": -0.80, "2.05": -0.35, "2.06": -0.50,
	"3.01": -0.70, "3.02": -0.40, "3.03": -0.10,
	"4.01": -0.35, "4.02": -0.90,
	"5.01": 0.50, "5.02": 0.20, "5.03": 0, "5.07": 0,
	"7.01": 0.10, "8.01": 0.10, "9.01": 0,
}

// forms are what the form of a filing adds.
var forms = map[string]float64{
	"10-Q": 0.20, "10-K": 0.20, "20-F": 0.20, "6-K": 0.10, "425": 0.40, "DEFM14A": 0.30, "SC TO-T": 0.60, "SC TO-I": 0.40, "SC 13D": 0.40, "SCHEDULE 13D": 0.40,
	"NT 10-K": -0.50, "NT 10-Q": -0.50, "S-1": -0.25, "S-3": -0.25, "F-3": -0.25, "424B5": -0.40, "424B4": -0.40, "424B3": -0.20, "25": -0.60, "25-NSE": -0.60, "15-12G": -0.50,
}
