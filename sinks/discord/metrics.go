package discord

import "catalyst/internal/metrics"

var (
	requests = metrics.Counter("discord_requests_total",
		"Requests to Discord, by route and HTTP status; status is error where no answer came.", "route", "status")
	waited = metrics.Histogram("discord_wait_seconds",
		"Time an alert waited to be posted, or its edit to be made.", metrics.Seconds, "route")
	posted = metrics.Counter("alerts_posted_total", "Alerts created on Discord.")
	edited = metrics.Counter("alerts_edited_total", "Messages with alerts edited on Discord.")
	// A message that was deleted, or is too old to be edited, keeps what it shows.
	givenUp    = metrics.Counter("alerts_edits_given_up_total", "Changes of alerts that were not shown any more.", "why")
	suppressed = metrics.Counter("discord_suppressed_total", "Alerts held back because of their ticker's limit.")
)
