package edgar

import (
	"context"
	"errors"
)

// Look implements [flows.Looker]: it reads a page of the feed for each query.
func (s *source) Look(ctx context.Context) error {
	var cut error
	for _, q := range s.queries {
		p, _, err := s.page(ctx, &query{form: q.form}, 0)
		if err != nil {
			s.Failed(err)
			return err
		}
		s.ReadPart(q.form, len(p.entries), q.rare)
		_, newest := s.span(p.entries)
		s.Dated(newest)
		cut = errors.Join(cut, p.cut)
	}
	return cut
}
