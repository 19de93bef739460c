// Package discordtest is a Discord to test against: the part of its REST API
// that alerts need, as strict as the documentation and where noted a little
// stricter, with a memory of everything and failures on demand.
//
//	GET    /api/v10/users/@me
//	GET    /api/v10/channels/{channel}
//	POST   /api/v10/channels/{channel}/messages
//	GET    /api/v10/channels/{channel}/messages/{message}      also PATCH, DELETE
//	POST   /api/v10/channels/{channel}/messages/{message}/threads
//	GET    /api/webhooks/{webhook}/{token}                     also POST; with or without /v10
//	PATCH  /api/webhooks/{webhook}/{token}/messages/{message}  also DELETE
//
// Each rule names its source: [doc] is Discord's documentation (the repository
// discord/discord-api-docs, pages message, webhook, channel, component reference,
// rate-limits and opcodes-and-status-codes, as of August 2026), [seen] is what
// users reported of real answers, [strict] is our own.
//
// # Bodies
//
//   - JSON with Content-Type application/json, at most 25 MiB [doc]: else 50035,
//     50109, 40005. A field that is unknown or not modelled is refused, and so is
//     any null [strict: Discord ignores the one and often takes the other].
//   - content 2,000 characters, 10 embeds, and per embed: title 256, description
//     4,096, 25 fields, name 256, value 1,024, footer 2,048, author 256; together
//     6,000 over all embeds of the message [doc]. Text is trimmed before it is
//     counted [doc], and counted in UTF-16 units [strict: the unit is not
//     documented, and no other one gives more].
//   - What is wrong is told in a 50035 body with all faults, nested by path, each
//     with Discord's code and text, such as BASE_TYPE_MAX_LENGTH or
//     MAX_EMBED_SIZE_EXCEEDED [seen]. A message that shows nothing is 50006 [doc].
//     URLs are http or https, and well formed [seen].
//   - allowed_mentions with parse must be there in each create, edit and webhook
//     [strict, unless Config.AnyMentions], since without it all or, for webhooks,
//     user mentions are parsed, on edits too [doc]. An id list next to parse of the
//     same kind is refused [doc]. Whatever allows a mention is a violation [strict].
//   - Of embeds with the same URL only the first is shown [seen: it is in none of
//     the pages above]: [Version.Shown].
//   - Components: at most five rows of one to five buttons [doc]; a link button has
//     a url of at most 512 characters and no custom_id, any other a custom_id and no
//     url [doc]; a label of 1 to 80 [doc; strict: an emoji could stand for it].
//   - An edit changes the fields that it has and leaves the others [doc].
//   - message_reference makes a reply; to an unknown message it is 50035 unless
//     fail_if_not_exists is false [doc, seen].
//   - Config.Automod and Config.Harmful are patterns of text refused with 200000 and
//     240000 [doc]; their status 400 is a guess.
//
// # Nonce
//
// A nonce has at most 25 characters. With enforce_nonce, a create with a nonce that
// its author used within the window gives the message of then and makes none
// [doc: "in the past few minutes", so Config.NonceWindow]. As the documentation
// says nothing of channels, one author's nonces are the same in all of them
// [strict]. A message that was deleted since is returned too [guess]. Webhooks have
// no nonce [doc].
//
// # Rate limits
//
//   - Buckets are fixed windows from the first request on, for each route and
//     author and channel or webhook [doc]; a refused request counts like another
//     [seen]. X-RateLimit-Limit, -Remaining, -Reset, -Reset-After and -Bucket are on
//     each answer of a route that has one, -Scope and -Global on a 429 only [doc].
//     X-RateLimit-Bucket leaves out the channel [doc]; create and edit have two
//     buckets, or with Config.OneBucket one [seen: both]. Times are rounded up.
//   - A 429 has message, retry_after in seconds with decimals, global, and code for
//     some; Retry-After in whole seconds, rounded up; scope user, shared or global
//     [doc]. A global one has no route headers [doc].
//   - [Realistic] has 5 creates and 5 edits in 5 s [seen], 5 webhook messages in
//     2 s [seen], and 50 requests in 1 s globally [doc].
//   - Limits of which no header tells: Config.Writes of a channel (20028, shared; for
//     webhooks 30 in 60 s without a code) and ServerWrites (20029) [seen], slow mode
//     (20016) and edits in announcement channels (20022) of a [Room] [doc]. Edits of
//     messages older than an hour: 30046, 3 in 20 s per channel [seen].
//   - Answers 401, 403 and 429 but for shared ones count; 10,000 in ten minutes ban
//     [doc], and everything is a 429 in HTML, error 1015 [seen], for Config.Ban
//     [guess].
//
// # Who and where
//
// A wrong token gets 401 without a code, an unknown channel 10003, a User-Agent
// that is not of the form for bots 40333, what is no id 50035 [doc, seen].
// [Server.Refuse] closes a channel with 10003, 50001, 50013, … A message that is
// unknown, deleted or elsewhere is 10008, another author's 50005 [doc]. An unknown
// webhook is 10015, a wrong token of one 50027 [doc]. Ids are snowflakes that rise
// with time [doc].
//
// Threads start from a message, have its id and a name of 1 to 100 characters; a
// second one is 160004, one in a thread 50024, one too many 160006 [doc]. A message
// to an archived thread opens it, to a locked one is 160005, an edit in an archived
// one is 50083 [doc].
//
// # Faults and blame
//
// A [Fault] is a failure at a chosen request, before or after it took effect:
// [Server.Script] chooses, by hand or with [Dice], [Burst] and [FirstOf]. Half and
// garbage answers, hangs, resets, 5xx, 429 of each scope and HTML are ready made.
//
// [Server.Violations] are the requests that a careful client would not have sent:
// before the end of a time that it was told to wait, over a limit whose first 429 it
// had seen, to a webhook that it knew to be gone, and messages that may ping. Told is
// what had been answered before the request was sent; what happened in the same
// instant, or with a network within Config.Grace, excuses. After [Server.Forget],
// for a client that was restarted, it knows nothing.
//
// # Not modelled
//
// The gateway, what permissions forbid (a [Guild] only tells them), files, stickers, polls, forwards, components
// v2, modals, forum channels, integer nonces, reactions, archiving by itself, slow
// clients, several addresses, and limits that adapt to the load. Nothing is kept
// on disk: a test that kills the program under test keeps the Server alive.
//
// All times are of package time, so a Server works in a bubble of testing/synctest
// (with [Server.Transport]) and on a network ([Server.Start]). A request costs the
// same with 100,000 messages as with one.
package discordtest
