/*
 * Scores the model on a folder: items.jsonl has one object a line,
 *   {"image": "a.png", "prompt": "…", "answer": "…" or "answers": ["…", …], "task": "read", "metric": "cer"}
 * Metrics: cer (character error rate, less is better), exact (same answer but for case, spaces and a full stop), contains,
 * anls, json (a valid object that is right in every field). Without "metric" tasks whose name begins with "read" are scored by cer, others by exact.
 */
#include "cli.h"
#include "metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum metric { CER, EXACT, CONTAINS, ANLS, FIELDS, N_METRICS } metric;
static const char *const metric_names[N_METRICS] = {"cer", "exact", "contains", "anls", "json"};

typedef struct score {
    const char *task;
    metric metric;
    double num, den; /* cer: edits and reference characters; others: points and 1 */
} score;

static double points(metric m, const galago_result *r, const char *answer)
{
    size_t n = strlen(answer);
    switch (m) {
    case EXACT: return same_answer(r->text, r->text_size, answer, n);
    case CONTAINS: {
        bool found = false;
        for (size_t i = 0; n && i + n <= r->text_size && !found; i++) found = strncasecmp(r->text + i, answer, n) == 0;
        return found;
    }
    case ANLS: return anls(r->text, r->text_size, answer, n);
    case FIELDS: return same_json(r->text, r->text_size, answer, n);
    case CER:
    case N_METRICS: break;
    }
    return 0;
}

/* Best of the accepted answers. */
static void score_answer(const json *item, const galago_result *r, score *s)
{
    const json *list = json_get(item, "answers");
    const json *one = list && list->type == JSON_ARRAY ? list->u.list.first : json_get(item, "answer");
    s->num = s->metric == CER ? 1e300 : 0;
    s->den = 1;
    for (; one; one = list ? one->next : NULL) {
        const char *answer = json_string(one, "");
        if (s->metric != CER) {
            double p = points(s->metric, r, answer);
            if (p > s->num) s->num = p;
            continue;
        }
        size_t n_answer, d = edit_distance(r->text, r->text_size, answer, strlen(answer), NULL, &n_answer);
        if ((double)d < s->num) s->num = (double)d, s->den = (double)n_answer;
    }
}

static galago_status read_item(const json *item, size_t line, score *s, galago_error *e)
{
    const char *task = json_string(json_get(item, "task"), "all");
    const char *name = json_string(json_get(item, "metric"), strncmp(task, "read", 4) == 0 ? "cer" : "exact");
    int m = 0;
    while (m < N_METRICS && strcmp(metric_names[m], name) != 0) m++;
    if (m == N_METRICS) return fail(e, GALAGO_ERR_FORMAT, "items.jsonl line %zu: no metric \"%.40s\"", line, name);
    if (!json_get(item, "answer") && !json_get(item, "answers"))
        return fail(e, GALAGO_ERR_FORMAT, "items.jsonl line %zu: no answer", line);
    if (!json_string(json_get(item, "prompt"), NULL))
        return fail(e, GALAGO_ERR_FORMAT, "items.jsonl line %zu: no prompt", line);
    *s = (score){.task = task, .metric = (metric)m};
    return GALAGO_OK;
}

static void print_item(FILE *f, const json *item, const galago_result *r, const score *s)
{
    buf b = {0};
    const char *fields[] = {"image", "task", "prompt", "answer"};
    const json *list = json_get(item, "answers"); /* several are accepted: the first stands for them */
    for (int i = 0; i < 4; i++) {
        const json *field = i == 3 && list && list->type == JSON_ARRAY ? list->u.list.first : json_get(item, fields[i]);
        const char *v = json_string(field, "");
        buf_printf(&b, "%s\"%s\":", i ? "," : "{", fields[i]);
        json_write_string(&b, v, strlen(v));
    }
    buf_str(&b, ",\"text\":");
    json_write_string(&b, r->text, r->text_size);
    buf_printf(&b, ",\"metric\":\"%s\",\"score\":", metric_names[s->metric]);
    json_write_number(&b, s->den > 0 ? s->num / s->den : s->num);
    buf_str(&b, "}\n");
    if (!b.failed) fwrite(b.data, 1, b.size, f);
    buf_free(&b);
}

/* The scores that have this metric and, unless it is NULL, this task, as one figure. num, den: room for n. */
static void print_figure(const options *o, const score *scores, size_t n, const char *task, metric m, bool first, double *num, double *den)
{
    size_t k = 0;
    double sum = 0, total = 0, low, high;
    for (size_t j = 0; j < n; j++) {
        if (scores[j].metric != m || (task && strcmp(scores[j].task, task) != 0)) continue;
        sum += num[k] = scores[j].num;
        total += den[k++] = scores[j].den;
    }
    if (m == CER || m == ANLS) bootstrap_ratio(num, den, k, &low, &high);
    else wilson(sum, total, &low, &high);
    double value = total > 0 ? sum / total : 0;
    if (o->json) {
        printf(first ? "{" : ",{");
        buf name = {0};
        if (task) json_write_string(&name, task, strlen(task));
        if (name.size && !name.failed) printf("\"task\":%.*s,", (int)name.size, name.data);
        buf_free(&name);
        printf("\"metric\":\"%s\",\"items\":%zu,\"score\":%.6g,\"low\":%.6g,\"high\":%.6g}", metric_names[m], k, value, low, high);
    } else {
        printf("%-24s %-9s %6zu %8.2f%%   %.2f to %.2f\n", task ? task : "(all)", metric_names[m], k, 100 * value, 100 * low, 100 * high);
    }
}

/* One line per task and metric, in order of first appearance; then one for each metric over its tasks. */
static void print_scores(const options *o, const cli_session *session, const score *scores, size_t n)
{
    double *num = malloc((n + 1) * sizeof *num), *den = malloc((n + 1) * sizeof *den);
    size_t n_tasks[N_METRICS] = {0};
    if (o->json) printf("{\"model\":\"%s\",\"items\":%zu,\"tasks\":[", session->info.name, n);
    else printf("%-24s %-9s %6s %9s   95 %% interval\n", "task", "metric", "items", "score");
    bool first = true;
    for (size_t i = 0; num && den && i < n; i++) {
        size_t before = 0;
        while (scores[before].metric != scores[i].metric || strcmp(scores[before].task, scores[i].task) != 0) before++;
        if (before < i) continue;
        n_tasks[scores[i].metric]++;
        print_figure(o, scores, n, scores[i].task, scores[i].metric, first, num, den);
        first = false;
    }
    if (o->json) printf("],\"metrics\":[");
    first = true;
    for (int m = 0; num && den && m < N_METRICS; m++) {
        if (!n_tasks[m] || (!o->json && n_tasks[m] == 1)) continue;
        print_figure(o, scores, n, NULL, (metric)m, first, num, den);
        first = false;
    }
    if (o->json) printf("]}\n");
    free(num);
    free(den);
}

static int run_item(cli_session *s, const options *quiet, const char *folder, const json *item, galago_result *r)
{
    galago_error e = {0};
    galago_image *image = NULL;
    const char *name = json_string(json_get(item, "image"), NULL);
    if (name) {
        buf path = {0};
        buf_printf(&path, "%s/%s", folder, name);
        if (path.failed) fail(&e, GALAGO_ERR_MEMORY, "not enough memory");
        else image_open(path.data, &image, &e);
        buf_free(&path);
        if (e.status) return report(&e);
    }
    galago_message m[2] = {{0}};
    size_t n = 0;
    if (quiet->system) m[n++] = (galago_message){.role = GALAGO_ROLE_SYSTEM, .text = quiet->system};
    m[n++] = (galago_message){
        .role = GALAGO_ROLE_USER, .text = json_string(json_get(item, "prompt"), ""), .images = &image, .n_images = image ? 1 : 0};
    int status = session_answer(s, quiet, NULL, m, n, r);
    galago_image_destroy(image);
    return status;
}

int cmd_eval(const options *o)
{
    if (o->n_args != 1) return usage_error(o, "needs the folder that holds items.jsonl");
    const char *folder = o->args[0];
    buf path = {0}, text = {0};
    arena memory = {0};
    galago_error e = {0};
    score *scores = NULL;
    size_t n_scores = 0, n_lines = 1;
    FILE *out = NULL;
    cli_session s = {0};
    int status = EXIT_DONE;

    buf_printf(&path, "%s/items.jsonl", folder);
    if (path.failed || read_all(path.data, 1u << 30, &text, &e)) status = report(&e);
    for (size_t i = 0; i < text.size; i++) n_lines += text.data[i] == '\n';
    if (!status && !(scores = calloc(n_lines, sizeof *scores))) {
        fail(&e, GALAGO_ERR_MEMORY, "not enough memory");
        status = report(&e);
    }
    if (!status && o->out && !(out = fopen(o->out, "w"))) {
        fail(&e, GALAGO_ERR_IO, "%s: cannot be written: %s", o->out, strerror(errno));
        status = report(&e);
    }
    if (!status) status = session_open(o, &s);

    options quiet = *o; /* answers are scored, not shown */
    quiet.json = true;
    const char *line = text.data, *end = text.data + text.size;
    for (size_t number = 1; !status && line < end && (!o->limit || n_scores < o->limit); number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        const json *item;
        galago_result r;
        if (stop > line) {
            score *sc = &scores[n_scores];
            if (json_parse(&memory, line, (size_t)(stop - line), &item, &e)) {
                char where[64];
                snprintf(where, sizeof where, "items.jsonl line %zu", number);
                fail_prefix(&e, where);
                status = report(&e);
            } else if (read_item(item, number, sc, &e)) {
                status = report(&e);
            } else if ((status = run_item(&s, &quiet, folder, item, &r)) == EXIT_DONE) {
                score_answer(item, &r, sc);
                n_scores++;
                if (out) print_item(out, item, &r, sc);
                progress_show(NULL, "scoring", (double)(line - text.data) / (double)text.size);
            }
        }
        line = stop + 1;
    }
    progress_clear();
    if (n_scores && (!status || status == EXIT_INTERRUPTED)) print_scores(o, &s, scores, n_scores);
    if (!status && !n_scores) {
        fail(&e, GALAGO_ERR_FORMAT, "%s: no items", path.data);
        status = report(&e);
    }
    if (out && fclose(out) != 0 && !status) {
        fail(&e, GALAGO_ERR_IO, "%s: cannot be written: %s", o->out, strerror(errno));
        status = report(&e);
    }
    session_close(&s);
    free(scores);
    arena_free(&memory);
    buf_free(&path);
    buf_free(&text);
    return status;
}
