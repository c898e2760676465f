/* The engine's results as JSON. Failed allocations are remembered in the buffer. */
#ifndef WASM_RESULTS_H
#define WASM_RESULTS_H

#include "base/buf.h"
#include "galago.h"

/* {"name":…,"family":…, … "load_ms":…,"text":{…},"vision":{…},"tokens":{…},"memory":{…}}: galago_model_info, then the members of
 * galago_model_describe(), whose text `description` is. */
void write_model_info(buf *b, const galago_model_info *info, const char *description);
/* {"text":…,"finish_reason":"stop"|"length"|"cancelled","token_ids":[…],"logprobs":[[[id,logprob],…],…] (when asked for; empty lists
 * for tokens that the caller gave), "prompt_tokens":n,…,"timings":{…}} */
void write_result(buf *b, const galago_result *r);
/* {"code":"format","message":…}; codes are the statuses' names with underscores. */
void write_error(buf *b, const galago_error *e);
void write_ids(buf *b, const int32_t *ids, size_t n);

#endif
