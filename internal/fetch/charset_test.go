package fetch

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

func encoded(t *testing.T, encode func([]byte) ([]byte, error), s string) []byte {
	t.Helper()
	out, err := encode([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUTF8(t *testing.T) {
	const text = "<t>Größe “5” €</t>"
	cp1252 := charmap.Windows1252.NewEncoder().Bytes
	latin1 := charmap.ISO8859_1.NewEncoder().Bytes
	utf16le := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().Bytes
	utf16be := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes
	const xml1252, xmlUTF8 = `<?xml version="1.0" encoding="windows-1252"?>`, `<?xml version='1.0' encoding='UTF-8' ?>`
	for _, test := range []struct {
		name, header string
		body         []byte
		want         string
	}{
		{"UTF-8", "", []byte(text), text},
		{"UTF-8 declared", "text/xml; charset=utf-8", []byte(xmlUTF8 + text), text},
		{"UTF-8 declared as something else", "text/xml; charset=iso-8859-1", []byte(xml1252 + text), text},
		{"UTF-8 with mark", "", []byte("\xef\xbb\xbf" + xmlUTF8 + text), text},
		{"UTF-8 with a broken byte", "", []byte("<t>Größe €\xff</t>"), "<t>Größe €\ufffd</t>"},
		{"windows-1252 declared", "", encoded(t, cp1252, xml1252+text), text},
		{"windows-1252 in the header", "text/xml; charset=windows-1252", encoded(t, cp1252, text), text},
		{"windows-1252 declared as UTF-8", "text/xml; charset=utf-8", encoded(t, cp1252, xmlUTF8+text), text},
		{"Latin-1 undeclared", "", encoded(t, latin1, "<t>Größe</t>"), "<t>Größe</t>"},
		{"an encoding nobody knows", "text/xml; charset=klingon", encoded(t, latin1, "<t>Größe</t>"), "<t>Größe</t>"},
		{"UTF-16 without mark", "", encoded(t, utf16le, `<?xml version="1.0" encoding="UTF-16"?>`+text), text},
		{"UTF-16 with mark", "", encoded(t, utf16be, text), text},
		{"Japanese, seven bits", "", encoded(t, japanese.ISO2022JP.NewEncoder().Bytes, `<?xml version="1.0" encoding="ISO-2022-JP"?><t>決算</t>`), "<t>決算</t>"},
		{"control characters", "", []byte("<t>a\x00\x08b\x1bc\td\ufffe</t>"), "<t>abc\td</t>"},
		{"nothing", "", nil, ""},
	} {
		if got := string(UTF8(test.body, test.header)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzUTF8(f *testing.F) {
	f.Add([]byte("\xff\xfe<\x00?\x00"), "text/xml; charset=utf-16")
	f.Add([]byte("<?xml version='1.0' encoding='iso-2022-jp'?>\x1b$B"), "")
	f.Add([]byte("\xef\xbb\xbf\xff"), ";;;")
	f.Add([]byte("\xff\xfe\xff\xfe"), "")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		got := UTF8(body, header)
		if !utf8.Valid(got) {
			t.Errorf("%q, %q became %q", body, header, got)
		}
		if again := UTF8(got, ""); string(again) != string(got) && declaration.Find(got) == nil && wide(got) == "" {
			t.Errorf("%q became %q, and that %q", body, got, again)
		}
	})
}
