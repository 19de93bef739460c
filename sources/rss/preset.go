package rss

import "cmp"

// A preset is a feed whose address is known. How an entry is read does not depend on it,
// but on what the entry has.
type preset struct {
	url    string
	sparse bool // it may rightly have no entries
}

// presets are by the word in pipeline.yaml. All of them show the latest releases of all
// issuers; a publisher's more special feeds are read with url.
var presets = map[string]preset{
	"globenewswire": {url: "https://www.globenewswire.com/RssFeed/orgclass/1/feedTitle/GlobeNewswire%20-%20News%20about%20Public%20Companies"},
	"businesswire":  {url: "https://feed.businesswire.com/rss/home/?rss=G1QFDERJXkJeGVtRXQ=="},
	"prnewswire":    {url: "https://www.prnewswire.com/rss/news-releases-list.rss"},
	"accesswire":    {url: "https://www.accesswire.com/rss/latest"},
	"nasdaq_halts":  {url: "https://www.nasdaqtrader.com/rss.aspx?feed=tradehalts", sparse: true},
}

// address is where the feed is.
func (c Config) address() string { return cmp.Or(c.URL.Reveal(), presets[c.Preset].url) }
