package edgar

import "context"

// Look implements [flows.Looker]: it reads one page of the feed.
func (s *source) Look(ctx context.Context) error {
	p, _, err := s.page(ctx, &query{form: s.queries[0].form}, 0)
	if err != nil {
		s.Failed(err)
		return err
	}
	s.Read(len(p.entries))
	_, newest := span(p.entries)
	s.Dated(newest)
	return p.cut
}
