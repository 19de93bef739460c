package news

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Encode returns the JSON form of an item. It fails only on what JSON has no
// word for: a score that is not a number, a year beyond 9999.
func Encode(it *Item) ([]byte, error) {
	if it == nil {
		return nil, errors.New("encode item: it is nil")
	}
	if data, ok := writeItem(it); ok {
		return data, nil
	}
	return encodeAny(it)
}

// encodeAny is Encode by encoding/json, which says in its own words what it cannot write.
// What writeItem writes is the same.
func encodeAny(it *Item) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // the payload is read by programs and by people, never by a browser
	if err := enc.Encode(it); err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Decode reads an item from JSON that anybody may have written. Fields it does
// not know are ignored; a known one of the wrong type is an error that names
// it. Times may be RFC 3339, RFC 1123 or a number of seconds since 1970, and
// come out in UTC; null, "" and 0 are no time. Bytes that are no UTF-8, and
// NULs, which databases refuse, become U+FFFD.
//
// An item needs a title, a URL, a body or a key: there is nothing to tell or to
// look up otherwise.
func Decode(data []byte) (*Item, error) {
	it, ok := readItem(data)
	if !ok {
		var err error
		if it, err = decodeAny(data); err != nil {
			return nil, fmt.Errorf("decode item: %w", err)
		}
	}
	if it.Title == "" && it.URL == "" && it.Body == "" && it.Key == "" {
		return nil, errors.New("decode item: it has no title, url, body or key")
	}
	return it, nil
}

// decodeAny reads an item by encoding/json: the judge of what readItem finds odd. What
// readItem accepts, both read the same.
func decodeAny(data []byte) (*Item, error) {
	var wire struct {
		*fields
		Published wireTime `json:"published"`
		Received  wireTime `json:"received"`
	}
	wire.fields = new(fields)
	if err := json.Unmarshal(withoutNULs(data), &wire); err != nil {
		return nil, explain(err)
	}
	it := (*Item)(wire.fields)
	it.Published, it.Received = time.Time(wire.Published), time.Time(wire.Received)
	return it, nil
}

// fields is Item without what decodeAny reads in its own way: the shallower fields
// of the same name win.
type fields Item

type wireTime time.Time

func (t *wireTime) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
	case string:
		parsed, err := ParseTime(v)
		*t = wireTime(parsed)
		return err
	case float64:
		parsed, err := unixTime(v)
		*t = wireTime(parsed)
		return err
	default:
		return fmt.Errorf("%s is no time: write RFC 3339 or seconds since 1970", shorten(data))
	}
	return nil
}

// explain puts an error of encoding/json in the words of the one who wrote the JSON.
func explain(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return err
	case wrong.Field == "":
		return fmt.Errorf("want a JSON object, not %s", wrong.Value)
	default:
		field := strings.TrimPrefix(wrong.Field, "fields.") // the embedded struct is our business
		return fmt.Errorf("%s: want %s, not %s", field, jsonName(wrong.Type.Kind().String()), wrong.Value)
	}
}

func jsonName(kind string) string {
	switch kind {
	case "slice":
		return "array"
	case "struct", "map", "ptr":
		return "object"
	case "float64", "int", "int64":
		return "number"
	}
	return kind
}

// withoutNULs writes the escape of U+FFFD wherever data has the escape of NUL. A
// backslash that is itself escaped does not start one.
func withoutNULs(data []byte) []byte {
	nul := []byte(`\u0000`)
	if !bytes.Contains(data, nul) {
		return data
	}
	out := bytes.Clone(data)
	for i := 0; i < len(out)-1; i++ {
		if out[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(out[i:], nul) {
			copy(out[i:], `\ufffd`)
		}
		i++
	}
	return out
}

func shorten(data []byte) string {
	const most = 40
	if len(data) <= most {
		return string(data)
	}
	return string(bytes.ToValidUTF8(data[:most], nil)) + "…"
}
