package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"catalyst/flows"
	"catalyst/internal/store"
)

// plan puts into the ledger what is about to be posted, with one question. After a crash
// every alert is then posted again with the same nonce and in the same company, so that
// Discord finds the message if there is one; never in another.
func (r *room) plan(boarded []flight) error {
	var effects []store.Effect
	for _, f := range boarded {
		plan, err := r.planOf(f.post)
		if err != nil {
			return err
		}
		effects = append(effects, plan...)
	}
	if len(effects) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.sink.ctx, r.sink.config.RequestTimeout)
	defer cancel()
	if err := r.sink.guard.Intend(ctx, effects...); err != nil {
		return err
	}
	for _, f := range boarded {
		f.planned = true
	}
	return nil
}

// planOf returns what the ledger is to know of p; nothing if it does.
func (r *room) planOf(p *post) (effects []store.Effect, err error) {
	if p.planned {
		return nil, nil
	}
	if p.group != "" {
		members, err := json.Marshal(p.members)
		if err != nil {
			return nil, flows.Permanent(fmt.Errorf("plan message: %w", err))
		}
		effects = append(effects, store.Effect{Key: p.group, State: string(members)})
	}
	for i, m := range p.members {
		rec := record{Mark: bareMark(statePlanned), Channel: r.sink.elsewhere(r)}
		if p.group != "" {
			rec.Group, rec.Place, rec.Size = p.group, i, len(p.members)
		}
		effects = append(effects, rec.effect(m.Key, ""))
	}
	return effects, nil
}

// planned returns the post that the ledger has a plan of, which t is a member of. A
// plan that was not recorded whole was never carried out, and is none.
func (r *room) planned(ctx context.Context, t *task) (*post, error) {
	if t.record.Group == "" {
		p := newPost(r.name, []*task{t})
		p.planned = true
		return p, nil
	}
	members, err := r.sink.members(ctx, t.record.Group)
	if err != nil || members == nil {
		return nil, err
	}
	var keys []string
	for _, m := range members {
		keys = append(keys, m.Key)
	}
	effects, err := r.sink.guard.Effects(ctx, keys...)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(effects, func(e store.Effect) bool { return read(e).Group != t.record.Group }) {
		return nil, nil
	}
	return &post{nonce: nonce(append([]string{r.name}, keys...)...), group: t.record.Group, tasks: []*task{t}, members: members, planned: true}, nil
}

// members returns the alerts of a message, in the order of its embeds; nil if the
// ledger knows nothing of it.
func (s *Sink) members(ctx context.Context, group string) ([]member, error) {
	plan, err := s.guard.Effects(ctx, group)
	if err != nil || plan[0].State == "" {
		return nil, err
	}
	var members []member
	if err := json.Unmarshal([]byte(plan[0].State), &members); err != nil {
		return nil, flows.Permanent(errors.New("the ledger's record of a message with several alerts is damaged"))
	}
	return members, nil
}
