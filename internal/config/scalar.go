package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A misfit is a scalar's text that is not of the type wanted.
type misfit struct {
	message string // instead of "expected …, found …"
	hint    string
}

func parseBool(text string) (bool, bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

// numeric returns the text of a number, or what is wrong with it. A number in
// quotes is text, unless a variable stands in them: within {…} it has to be quoted.
func (d *Document) numeric(n *yaml.Node) (string, *misfit) {
	text := strings.TrimSpace(n.Value)
	_, err := strconv.ParseFloat(text, 64)
	number := err == nil || n.ShortTag() == "!!int" || n.ShortTag() == "!!float"
	switch {
	case !number:
		return "", &misfit{}
	case n.ShortTag() == "!!str" && !d.mentionsVariable(n):
		return "", &misfit{hint: "remove the quotes"}
	}
	return strings.ReplaceAll(text, "_", ""), nil
}

func (d *Document) mentionsVariable(n *yaml.Node) bool {
	return d.origins[n] != nil && d.origins[n].mentions
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9]`)

// wholeNumber reads n as an integer of so many bits.
func (d *Document) wholeNumber(n *yaml.Node, bits int) (int64, *misfit) {
	text, wrong := d.numeric(n)
	if wrong != nil {
		return 0, wrong
	}
	if leadingZero.MatchString(text) {
		return 0, &misfit{hint: "write it without the leading zero"}
	}
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		if limit := int64(1)<<(bits-1) - 1; i > limit || i < -limit-1 {
			return 0, &misfit{message: fmt.Sprintf("is out of range: at most %d", limit)}
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(f) || f != math.Trunc(f) && !math.IsInf(f, 0):
		return 0, &misfit{}
	case math.Abs(f) >= math.Pow(2, float64(min(bits, 54)-1)): // beyond 2⁵³ a float is no exact number
		return 0, &misfit{message: "is out of range"}
	}
	return int64(f), nil // 5.0, as an environment made for another program may have it
}

func (d *Document) number(n *yaml.Node) (float64, *misfit) {
	text, wrong := d.numeric(n)
	if wrong != nil {
		return 0, wrong
	}
	if i, err := strconv.ParseInt(text, 0, 64); err == nil && !leadingZero.MatchString(text) {
		return float64(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, &misfit{hint: "it must be finite"}
	}
	return f, nil
}

var durationDays = regexp.MustCompile(`^([0-9]*\.?[0-9]+)([dw])`)

// ParseDuration is time.ParseDuration that also knows d (24 hours) and w (7 days),
// takes a plain number as seconds, and refuses what is negative.
func ParseDuration(text string) (time.Duration, error) {
	rest := strings.TrimSpace(text)
	bad := fmt.Errorf("%s is no duration; write 30s, 5m, 24h or 7d, or a number of seconds", quote(text))
	if seconds, err := strconv.ParseFloat(rest, 64); err == nil {
		return durationOf(seconds, time.Second, bad)
	}
	var total time.Duration
	for {
		m := durationDays.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		unit := 24 * time.Hour
		if m[2] == "w" {
			unit *= 7
		}
		count, _ := strconv.ParseFloat(m[1], 64)
		days, err := durationOf(count, unit, bad)
		if err != nil || total+days < total {
			return 0, bad
		}
		total += days
		if rest = rest[len(m[0]):]; rest == "" {
			return total, nil
		}
	}
	last, err := time.ParseDuration(rest)
	if err != nil || last < 0 || total+last < total {
		return 0, bad
	}
	return total + last, nil
}

func durationOf(count float64, unit time.Duration, bad error) (time.Duration, error) {
	d := count * float64(unit)
	if !(d >= 0 && d < math.MaxInt64) { // NaN is neither
		return 0, bad
	}
	return time.Duration(math.Round(d)), nil
}
