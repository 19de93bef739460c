package quota

// Limited reports whether any budget limits what may be spent: then a call whose price
// nobody knows must not be made.
func (q *Quota) Limited() bool {
	c := q.config
	limited := c.Day >= 0 || c.EachSource >= 0 || c.EachTicker >= 0
	for _, scope := range []map[string]Dollars{c.Providers, c.Sources, c.Tickers} {
		for _, d := range scope {
			limited = limited || d >= 0
		}
	}
	return limited
}
