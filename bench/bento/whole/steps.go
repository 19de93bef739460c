package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/warpstreamlabs/bento/public/service"

	"catalyst/bench/whole/hand"
	"catalyst/bench/whole/work"
	"catalyst/internal/news"
)

// An item travels beside its message, whose content is what the next of Bento's own
// processors takes and then what it returns.
type itemOf struct{}

func with(m *service.Message, e *hand.Entry) *service.Message {
	return m.WithContext(context.WithValue(m.Context(), itemOf{}, e))
}

func entry(m *service.Message) *hand.Entry { return m.Context().Value(itemOf{}).(*hand.Entry) }

// read decodes the item of a message.
func read(m *service.Message) (*hand.Entry, error) {
	body, err := m.AsBytes()
	if err != nil {
		return nil, err
	}
	item, err := news.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("decode item: %w", err)
	}
	id, _ := m.MetaGet("_watermill_message_uuid")
	return &hand.Entry{ID: id, Item: item}, nil
}

// receive asks the claim's script about each item that is news.
func receive(_ context.Context, p *hand.Program, batch service.MessageBatch) (out service.MessageBatch, err error) {
	for _, m := range batch {
		e, err := read(m)
		if err != nil {
			return nil, err
		}
		if !p.Tools().Receive(e.Item) {
			continue
		}
		saw, err := work.Sighting(e.Item)
		if err != nil {
			return nil, err
		}
		m = with(m, e)
		m.SetStructuredMut(map[string]any{"key": e.Item.Key, "id": e.ID, "saw": string(saw)})
		out = append(out, m)
	}
	return out, nil
}

// worth asks the story's script about each item that has its claim and is worth it.
func worth(_ context.Context, p *hand.Program, batch service.MessageBatch) (out service.MessageBatch, err error) {
	for _, m := range batch {
		won, err := m.AsStructured()
		if err != nil {
			return nil, err
		}
		e := entry(m)
		if fmt.Sprint(won) != "1" {
			continue
		}
		worth, err := p.Tools().Worth(e.Item)
		if err != nil {
			return nil, err
		}
		if !worth {
			continue
		}
		a := p.Tools().Story(e.ID, e.Item)
		line, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		m.SetStructuredMut(map[string]any{"group": a.Group, "line": string(line)})
		out = append(out, m)
	}
	return out, nil
}

// told makes the alerts of what nobody has told before.
func told(ctx context.Context, p *hand.Program, batch service.MessageBatch) (out service.MessageBatch, err error) {
	entries, by := make([]hand.Entry, len(batch)), make([]string, len(batch))
	for i, m := range batch {
		e := entry(m)
		lines, err := texts(m)
		if err != nil {
			return nil, err
		}
		before, err := work.Before(e.ID, lines)
		if err != nil {
			return nil, err
		}
		var amends string
		if by[i], amends = p.Tools().Told(p.Tools().Story(e.ID, e.Item), before); e.Item.Amends == "" {
			e.Item.Amends = amends
		}
		entries[i] = *e
	}
	if _, err := p.Yield(ctx, entries, by); err != nil {
		return nil, err
	}
	corrected, err := p.Corrected(ctx, entries)
	if err != nil {
		return nil, err
	}
	for i, m := range batch {
		if by[i] != "" {
			continue
		}
		body, err := work.Alert(entry(m).Item, corrected[i])
		if err != nil {
			return nil, err
		}
		m.SetBytes(body)
		out = append(out, m)
	}
	return out, nil
}

// texts are what a script has returned as a list.
func texts(m *service.Message) ([]string, error) {
	found, err := m.AsStructured()
	if err != nil {
		return nil, err
	}
	list, ok := found.([]any)
	if !ok {
		return nil, fmt.Errorf("a list was expected, not %T", found)
	}
	lines := make([]string, len(list))
	for i, line := range list {
		lines[i], _ = line.(string)
	}
	return lines, nil
}

// posted has the ledger's script note what was posted.
func posted(_ context.Context, _ *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	for _, m := range batch {
		body, err := m.AsBytes()
		if err != nil {
			return nil, err
		}
		id, err := work.MessageID(body)
		if err != nil {
			return nil, err
		}
		m.SetStructuredMut(map[string]any{"key": entry(m).Item.Key, "message": id})
	}
	return batch, nil
}

// passOn makes messages of the items again.
func passOn(_ context.Context, _ *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	for _, m := range batch {
		payload, err := news.Encode(entry(m).Item)
		if err != nil {
			return nil, err
		}
		m.SetBytes(payload)
	}
	return batch, nil
}

// recall looks a batch up in the cache, and makes the questions of what is not there.
func recall(ctx context.Context, p *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	entries := make([]hand.Entry, len(batch))
	for i, m := range batch {
		e, err := read(m)
		if err != nil {
			return nil, err
		}
		entries[i] = *e
	}
	if err := p.Recall(ctx, entries); err != nil {
		return nil, err
	}
	for i, m := range batch {
		var question []byte
		var err error
		if !entries[i].Item.Analysis.Done() {
			if question, err = p.Tools().Question(entries[i].Item); err != nil {
				return nil, err
			}
		}
		batch[i] = with(m, &entries[i])
		batch[i].SetBytes(question)
	}
	return batch, nil
}

// judged reads and remembers the verdicts, and asks the sightings' script.
func judged(ctx context.Context, p *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	entries := make([]hand.Entry, len(batch))
	for i, m := range batch {
		e := entry(m)
		if !e.Item.Analysis.Done() {
			body, err := m.AsBytes()
			if err != nil {
				return nil, err
			}
			if e.Item.Analysis, err = p.Tools().Answer(body, e.Item); err != nil {
				return nil, err
			}
		}
		entries[i] = *e
	}
	if err := p.Remember(ctx, entries); err != nil {
		return nil, err
	}
	for i, m := range batch {
		m.SetStructuredMut(map[string]any{"id": entries[i].ID, "key": entries[i].Item.Key})
	}
	return batch, nil
}

// complete makes the edits that show the verdicts.
func complete(_ context.Context, _ *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	for _, m := range batch {
		found, err := texts(m)
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("look sightings up: %v", err)
		}
		e := entry(m)
		if err := work.Seen(e.Item, found[1:]); err != nil {
			return nil, err
		}
		body, err := work.Edit(e.Item)
		if err != nil {
			return nil, err
		}
		m.MetaSet("message_id", found[0])
		m.MetaSet("key", e.Item.Key)
		m.SetBytes(body)
	}
	return batch, nil
}

// announceAll is the whole first segment as the program by hand does it.
func announceAll(ctx context.Context, p *hand.Program, batch service.MessageBatch) (out service.MessageBatch, err error) {
	entries, messages := make([]hand.Entry, len(batch)), map[string]*service.Message{}
	for i, m := range batch {
		e, err := read(m)
		if err != nil {
			return nil, err
		}
		entries[i], messages[e.ID] = *e, m
	}
	fresh, err := p.Admit(ctx, entries)
	if err != nil {
		return nil, err
	}
	if err := p.Announce(ctx, fresh); err != nil {
		return nil, err
	}
	for _, e := range fresh {
		payload, err := news.Encode(e.Item)
		if err != nil {
			return nil, err
		}
		messages[e.ID].SetBytes(payload)
		out = append(out, messages[e.ID])
	}
	return out, nil
}

// judgeAll is the whole second segment as the program by hand does it.
func judgeAll(ctx context.Context, p *hand.Program, batch service.MessageBatch) (service.MessageBatch, error) {
	entries := make([]hand.Entry, len(batch))
	for i, m := range batch {
		e, err := read(m)
		if err != nil {
			return nil, err
		}
		entries[i] = *e
	}
	if err := p.Judge(ctx, entries); err != nil {
		return nil, err
	}
	return nil, p.Note(ctx, entries)
}
