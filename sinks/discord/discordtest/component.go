package discordtest

import "strconv"

// A Component as it was received: a row of buttons, or a button.
type Component struct {
	Type       int         `json:"type"`
	ID         int         `json:"id,omitempty"`
	Style      int         `json:"style,omitempty"`
	Label      string      `json:"label,omitempty"`
	URL        string      `json:"url,omitempty"`
	CustomID   string      `json:"custom_id,omitempty"`
	Disabled   bool        `json:"disabled,omitempty"`
	Components []Component `json:"components,omitempty"`
}

const (
	typeRow    = 1
	typeButton = 2
	styleLink  = 5
)

// checkComponents enforces the rules of rows and buttons; no other component is
// modelled.
func checkComponents(f *form, rows []Component) {
	f.atMost("components", len(rows), 5)
	ids := make(map[string]bool)
	for i, row := range rows {
		at := "components." + strconv.Itoa(i)
		if row.Type != typeRow {
			f.oneOf(at+".type", strconv.Itoa(typeRow))
			continue
		}
		f.between(at+".components", len(row.Components), 1, 5)
		for j, b := range row.Components {
			b.checkButton(f, at+".components."+strconv.Itoa(j), ids)
		}
	}
}

func (b Component) checkButton(f *form, at string, ids map[string]bool) {
	if b.Type != typeButton || len(b.Components) > 0 {
		f.oneOf(at+".type", strconv.Itoa(typeButton))
		return
	}
	if b.Style < 1 || b.Style > styleLink {
		f.oneOf(at+".style", "1", "2", "3", "4", "5")
	}
	f.between(at+".label", size(b.Label), 1, 80)
	if b.Style != styleLink {
		f.between(at+".custom_id", size(b.CustomID), 1, 100)
		if b.URL != "" {
			f.add(at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
		}
		if ids[b.CustomID] {
			f.add(at+".custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
		}
		ids[b.CustomID] = true
		return
	}
	if b.CustomID != "" {
		f.add(at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
	}
	if b.URL == "" {
		f.required(at + ".url")
	}
	checkURL(f, at+".url", b.URL)
	f.atMost(at+".url", size(b.URL), 512)
}
