package discord

import "catalyst/internal/metrics"

var (
	requests = metrics.Counter("discord_requests_total",
		"Requests to Discord, by route and HTTP status; status is error where no answer came.", "route", "status")
	waited = metrics.Histogram("discord_wait_seconds",
		"Time a request waited for its rate limit.", metrics.Seconds, "route")
	posted = metrics.Counter("alerts_posted_total", "Alerts created on Discord.")
	edited = metrics.Counter("alerts_edited_total", "Alerts edited on Discord.")
)
