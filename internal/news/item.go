// Package news holds the words of the domain: an item of news and what a
// model made of it. It does no input or output.
package news

import "time"

// An Item is one piece of news. Its JSON form is the payload of every topic,
// and its fields, by their JSON names, are what conditions in pipeline.yaml
// (when, urgent, filter) can ask about.
//
// Text fields hold what the source said, as plain text; nothing in them has
// been made safe for a terminal, HTML or Discord.
type Item struct {
	// Key identifies the news itself, whatever message carries it: see [KeyOf].
	// Empty until a source or the dedupe stage has set it.
	Key string `json:"key,omitempty" expr:"key"`
	// Source is the name of the source that found the item.
	Source string `json:"source,omitempty" expr:"source"`
	// GUID is the publisher's own identifier, unique only within the publisher.
	GUID string `json:"guid,omitempty" expr:"guid"`
	// Accession is the EDGAR accession number, as 0001193125-25-123456.
	Accession string `json:"accession,omitempty" expr:"accession"`
	URL       string `json:"url,omitempty" expr:"url"`
	Title     string `json:"title,omitempty" expr:"title"`
	Summary   string `json:"summary,omitempty" expr:"summary"`
	Body      string `json:"body,omitempty" expr:"body"`
	// Published is the publisher's time; zero where it gave none.
	Published time.Time `json:"published,omitzero" expr:"published"`
	// Received is when a source handed the item to the first topic.
	Received time.Time `json:"received,omitzero" expr:"received"`
	// Tickers are upper-case symbols of US listings, in the order found.
	Tickers []string `json:"tickers,omitempty" expr:"tickers"`
	// Form is the EDGAR form type ("8-K"), empty for news; Items are its item
	// numbers ("2.02").
	Form  string   `json:"form,omitempty" expr:"form"`
	Items []string `json:"items,omitempty" expr:"items"`
	// Amends is the key of the item that this one corrects, where its source knows.
	Amends string `json:"amends,omitempty" expr:"amends"`
	// Score is the signed prescale score; Reasons are the terms that made it.
	Score   float64  `json:"score,omitempty" expr:"score"`
	Reasons []string `json:"reasons,omitempty" expr:"reasons"`
	// Analysis is nil until a model was asked or a cached answer was found.
	Analysis *Analysis `json:"analysis,omitempty" expr:"analysis"`
	// Filers are the companies and people an EDGAR filing is of or about, the one it is
	// about first. Empty for news.
	Filers []Filer `json:"filers,omitempty" expr:"filers"`
	// TickersFrom says where each of Tickers was found: feed, exchange ("NASDAQ: ABC"),
	// cashtag, cik, xbrl. A ticker that is not in it came with the item.
	TickersFrom map[string]string `json:"tickers_from,omitempty" expr:"tickers_from"`
	// Topic is what a filing is about, as far as its form and items tell: earnings,
	// dilution, agreement, leadership, restatement, delisting, general. Empty for news.
	Topic string `json:"topic,omitempty" expr:"topic"`
	// Priority, 0 … 1, is how soon and how closely an item deserves to be looked at; 0
	// where nothing has judged that.
	Priority float64 `json:"priority,omitempty" expr:"priority"`
	// Figures are key numbers found in the text, as they are to be shown.
	Figures []string `json:"figures,omitempty" expr:"figures"`
	// Seen is where else the same news was met, in the order met.
	Seen []Sighting `json:"seen,omitempty" expr:"seen"`
}

// A Sighting is the same news as another source had it.
type Sighting struct {
	Source string    `json:"source,omitempty" expr:"source"`
	URL    string    `json:"url,omitempty" expr:"url"`
	Title  string    `json:"title,omitempty" expr:"title"`
	At     time.Time `json:"at,omitzero" expr:"at"`
}

// A Filer is one of those a filing names.
type Filer struct {
	Name string `json:"name,omitempty" expr:"name"`
	CIK  string `json:"cik,omitempty" expr:"cik"` // ten digits
	// Role is EDGAR's word: Filer, Subject, Issuer, "Filed by", Reporting. Empty where
	// it does not say.
	Role string `json:"role,omitempty" expr:"role"`
}

// Direction is where a model expects the price to go. The empty Direction
// means that there is no verdict; it is never a synonym of Neutral.
type Direction string

const (
	Bullish Direction = "bullish"
	Bearish Direction = "bearish"
	Neutral Direction = "neutral"
)

// An Analysis is a model's verdict on an item, or the reason why there is none.
type Analysis struct {
	// Unavailable says why there is no verdict ("no model is configured"). When it
	// is set, Direction and everything a model would have said are empty.
	Unavailable string `json:"unavailable,omitempty" expr:"unavailable"`

	Direction  Direction `json:"direction,omitempty" expr:"direction"`
	Score      float64   `json:"score" expr:"score"`           // −1 … 1
	Confidence float64   `json:"confidence" expr:"confidence"` // 0 … 1
	Signal     string    `json:"signal,omitempty" expr:"signal"`
	Reasoning  string    `json:"reasoning,omitempty" expr:"reasoning"`
	Catalysts  []string  `json:"catalysts,omitempty" expr:"catalysts"`
	KeyFigures []string  `json:"key_figures,omitempty" expr:"key_figures"`
	Risk       string    `json:"risk,omitempty" expr:"risk"`       // low, medium, high
	Urgency    string    `json:"urgency,omitempty" expr:"urgency"` // low, medium, high, critical
	Horizon    string    `json:"horizon,omitempty" expr:"horizon"` // intraday, days, weeks, months
	// Details are what a model was asked besides because of what the item is: the revenue of a
	// quarter, who leaves. In the order to be shown; only what the text says is there.
	Details []Detail `json:"details,omitempty" expr:"details"`

	// Who answered, and at what cost.
	Provider  string        `json:"provider,omitempty" expr:"provider"`
	Model     string        `json:"model,omitempty" expr:"model"`
	Prompt    string        `json:"prompt,omitempty" expr:"prompt"` // name and version
	TokensIn  int           `json:"tokens_in,omitempty" expr:"tokens_in"`
	TokensOut int           `json:"tokens_out,omitempty" expr:"tokens_out"`
	Latency   time.Duration `json:"latency_ns,omitempty" expr:"latency"`
	At        time.Time     `json:"at,omitzero" expr:"at"`

	// Unverified lists figures, tickers and names of the verdict that the item's text does not
	// have.
	Unverified []string `json:"unverified,omitempty" expr:"unverified"`

	// Why this provider answered ("chars < 1000"; "after ollama: overloaded"), and after
	// how many calls to all providers together. Degraded is set if a provider that
	// comes before it by the rules could not be asked or gave no answer.
	Reason   string `json:"reason,omitempty" expr:"reason"`
	Attempts int    `json:"attempts,omitempty" expr:"attempts"`
	Degraded bool   `json:"degraded,omitempty" expr:"degraded"`
	// NanoDollars is what the call cost, this item's share of it where it was about
	// several; 0 for a local model, and where the price is unknown.
	NanoDollars int64 `json:"nano_dollars,omitempty" expr:"nano_dollars"`

	// Cached is set when the verdict was given for another, equivalent item.
	Cached *Cached `json:"cached,omitempty" expr:"cached"`
}

// A Detail is one thing that a model found in an item.
type Detail struct {
	Name  string `json:"name" expr:"name"`   // as in the answer: revenue_yoy
	Label string `json:"label" expr:"label"` // for people: Revenue, year over year
	Value string `json:"value" expr:"value"`
}

// Cached says where a verdict that was not asked for came from.
type Cached struct {
	Key        string    `json:"key" expr:"key"` // of the item that was analysed
	Similarity float64   `json:"similarity" expr:"similarity"`
	At         time.Time `json:"at,omitzero" expr:"at"`
}

// Done reports whether a holds a verdict. A nil Analysis does not.
func (a *Analysis) Done() bool { return a != nil && a.Unavailable == "" && a.Direction != "" }
