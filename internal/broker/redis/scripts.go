package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Ownership changes in scripts, because a script is atomic: between "this entry
// is still mine" and "it is yours now" nobody else can take or settle it. XCLAIM
// alone would take an entry from whoever has it. None of them uses XCLAIM's FORCE,
// so an entry that was acknowledged is not pending any more and stays gone.

// moveScript hands entries from one consumer name to another, if the first still
// owns them, with an idle time in milliseconds and a change of the delivery
// count. To the same name with idle 0 it renews a lease. It returns the IDs that
// were not the first's any more.
//
//	KEYS stream  ARGV group from to idle change id…
var moveScript = redis.NewScript(`
local lost = {}
for i = 6, #ARGV do
	local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
	if p then
		local count = math.max(p[4] + ARGV[5], 0)
		redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i],
			'IDLE', ARGV[4], 'RETRYCOUNT', count, 'JUSTID')
	else
		lost[#lost + 1] = ARGV[i]
	end
end
return lost`)

// claimScript takes entries from an owner to deliver them: those that it still
// owns and that have been idle for so many milliseconds. With a record given it
// takes nothing unless the owner's membership is still as it was when it was
// found to be dead: the next holder of the slot may have come meanwhile. It
// returns entry and delivery count in turn.
//
//	KEYS stream members  ARGV group me owner record idle id…
var claimScript = redis.NewScript(`
if ARGV[4] ~= '' and redis.call('HGET', KEYS[2], ARGV[3]) ~= ARGV[4] then
	return {}
end
local out = {}
for i = 6, #ARGV do
	local p = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[5], ARGV[i], ARGV[i], 1, ARGV[3])[1]
	if p then
		local e = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[5], ARGV[i])[1]
		if e then
			out[#out + 1] = e
			out[#out + 1] = p[4] + 1
		else
			redis.call('XACK', KEYS[1], ARGV[1], ARGV[i]) -- deleted from the stream
		end
	end
end
return out`)

// leaseScript takes a slot whose record is as expected, or renews one that holds
// the token, or ends it with a time of 0. It returns whether the slot is ours.
// The hash outlives its last member by a week.
//
//	KEYS members  ARGV name expected token identity milliseconds
var leaseScript = redis.NewScript(`
local record = redis.call('HGET', KEYS[1], ARGV[1])
if record and record ~= ARGV[2] and string.match(record, '^%d+ (%S+)') ~= ARGV[3] then
	return 0
end
local now = redis.call('TIME')
local expiry = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[5]
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', expiry, ARGV[3], ARGV[4]))
redis.call('PEXPIRE', KEYS[1], 604800000)
return 1`)

// trimScript removes the entries that every group has acknowledged: those before
// the oldest pending entry of each group, or before the last that it was given
// if none is pending. It removes at most about ten thousand, and returns how many.
//
// It is safe against a group that is created meanwhile, because a script has no
// meanwhile: such a group is seen, at "0" where it starts, and then nothing is
// trimmed; or it comes later and starts with what is left. Without groups nothing
// is trimmed: nobody has acknowledged anything. '~' only ever removes less.
//
//	KEYS stream
var trimScript = redis.NewScript(`
local function parts(id)
	local ms, seq = string.match(id, '^(%d+)-(%d+)$')
	return ms, seq
end
local function number_before(a, b) -- 64 bits do not fit in a Lua number
	if #a ~= #b then return #a < #b end
	return a < b
end
local function before(a, b)
	local am, as = parts(a)
	local bm, bs = parts(b)
	if am ~= bm then return number_before(am, bm) end
	return number_before(as, bs)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local first
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
	local g = {}
	for i = 1, #flat, 2 do g[flat[i]] = flat[i + 1] end
	local id = g['last-delivered-id']
	if g['pending'] > 0 then
		local oldest = redis.call('XPENDING', KEYS[1], g['name'])[2]
		if oldest and before(oldest, id) then id = oldest end
	end
	if not first or before(id, first) then first = id end
end
if not first then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', first)`)

// move runs moveScript on any number of entries, a few hundred at a time so
// that the server is not held up.
func (b *Broker) move(ctx context.Context, topic, group, from, to string, idle int64, change int, ids []string) (lost []string, err error) {
	const page = 200
	for len(ids) > 0 {
		n := min(page, len(ids))
		args := append(make([]any, 0, n+5), group, from, to, idle, change)
		for _, id := range ids[:n] {
			args = append(args, id)
		}
		gone, err := moveScript.Run(ctx, b.client, []string{topic}, args...).StringSlice()
		if err != nil {
			return lost, err
		}
		lost = append(lost, gone...)
		ids = ids[n:]
	}
	return lost, nil
}

// claim runs claimScript.
func (b *Broker) claim(ctx context.Context, topic, group, me string, from source, ids []string) ([]entry, error) {
	args := append(make([]any, 0, len(ids)+5), group, me, from.owner, from.record, from.idle.Milliseconds())
	for _, id := range ids {
		args = append(args, id)
	}
	reply, err := claimScript.Run(ctx, b.client, []string{topic, membersKey(topic, group)}, args...).Slice()
	if err != nil {
		return nil, err
	}
	return entries(reply)
}

// pendingOf returns the first few hundred entries that are pending under a name.
func (b *Broker) pendingOf(ctx context.Context, topic, group, consumer string) ([]string, error) {
	pending, err := b.client.XPendingExt(ctx, &redis.XPendingExtArgs{
		Stream: topic, Group: group, Start: "-", End: "+", Count: 500, Consumer: consumer,
	}).Result()
	found := make([]string, len(pending))
	for i, p := range pending {
		found[i] = p.ID
	}
	return found, err
}
