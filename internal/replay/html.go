package replay

import "io"

func (r *Report) HTML(w io.Writer) error     { return nil }
func (c *Comparison) HTML(w io.Writer) error { return nil }
