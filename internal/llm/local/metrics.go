package local

import "catalyst/internal/metrics"

var (
	metricBytes    = metrics.Gauge("llm_local_vram_bytes", "GPU memory in use, by what told it.", "provider", "source")
	metricShare    = metrics.Gauge("llm_local_vram_share", "Share of the GPU's memory in use; -1 if unknown.", "provider")
	metricLoads    = metrics.Counter("llm_local_model_loads_total", "Times that the model was loaded.", "provider")
	metricRecycles = metrics.Counter("llm_local_recycles_total", "Times that the model was unloaded and loaded again.", "provider", "reason")
	metricSpeed    = metrics.Gauge("llm_local_tokens_per_second", "Tokens a second of the latest answers.", "provider")
)
