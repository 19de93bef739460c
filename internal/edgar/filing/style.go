package filing

import "strings"

// A style is what an element's attributes change about what is in it.
type style struct {
	set, clear look
	hidden     bool
	gap        bool // set off from the text before it, without a space
	breaks     bool // a page ends or begins here
}

func (s *style) add(other style) {
	s.set = s.set&^other.clear | other.set
	s.clear = s.clear&^other.set | other.clear
	s.hidden = s.hidden || other.hidden
	s.gap = s.gap || other.gap
	s.breaks = s.breaks || other.breaks
}

// Filings repeat few styles thousands of times.
const maxStyles = 1024

// style reads a style attribute, or finds it already read.
func (r *reader) style(css []byte) style {
	if s, ok := r.styles[string(css)]; ok {
		return s
	}
	s := parseStyle(string(css))
	if len(r.styles) < maxStyles {
		r.styles[string(css)] = s
	}
	return s
}

func parseStyle(css string) style {
	var s style
	for declaration := range strings.SplitSeq(strings.ToLower(css), ";") {
		property, value, _ := strings.Cut(declaration, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(property) {
		case "display":
			s.hidden = strings.HasPrefix(value, "none")
		case "visibility":
			s.hidden = s.hidden || strings.HasPrefix(value, "hidden")
		case "font-weight":
			s.choose(bold, strings.HasPrefix(value, "bold") || value >= "600" && value <= "900")
		case "font-style":
			s.choose(italic, strings.HasPrefix(value, "italic") || strings.HasPrefix(value, "oblique"))
		case "font":
			s.set |= flag(bold, strings.Contains(value, "bold")) | flag(italic, strings.Contains(value, "italic"))
		case "text-decoration", "text-decoration-line":
			s.choose(underlined, strings.Contains(value, "underline"))
		case "text-align":
			s.choose(centered, strings.HasPrefix(value, "center"))
		case "padding-left":
			s.gap = value != "" && value[0] != '0'
		case "page-break-before", "page-break-after", "break-before", "break-after":
			s.breaks = strings.HasPrefix(value, "always") || strings.HasPrefix(value, "page")
		}
	}
	return s
}

func (s *style) choose(which look, on bool) {
	if on {
		s.set, s.clear = s.set|which, s.clear&^which
	} else {
		s.set, s.clear = s.set&^which, s.clear|which
	}
}

func flag(which look, on bool) look {
	if on {
		return which
	}
	return 0
}
