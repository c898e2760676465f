/* Pictures from files, standard input, data: URLs and, where libcurl was there at build time, the web. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Largest compressed picture that is taken from standard input or the web. */
enum { MAX_INPUT_BYTES = 256 << 20 };

galago_status read_all(const char *name, size_t limit, buf *out, galago_error *e)
{
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(name, "rb");
    const char *shown = is_stdin ? "standard input" : name;
    if (!f) return fail(e, GALAGO_ERR_IO, "%s: cannot be opened: %s", shown, strerror(errno));
    char chunk[65536];
    size_t n;
    galago_status s = GALAGO_OK;
    while (!s && (n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        if (n > limit - out->size) s = fail(e, GALAGO_ERR_IO, "%s: larger than %zu MB", shown, limit >> 20);
        else buf_append(out, chunk, n);
    }
    if (!s && ferror(f)) s = fail(e, GALAGO_ERR_IO, "%s: cannot be read: %s", shown, strerror(errno));
    if (!s && out->failed) s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", shown);
    if (!is_stdin) fclose(f);
    return s;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* data:[type][;base64],DATA (RFC 2397). */
static galago_status decode_data_url(const char *url, buf *out, galago_error *e)
{
    const char *comma = strchr(url, ',');
    if (!comma) return fail(e, GALAGO_ERR_FORMAT, "data: URL without a comma");
    bool is_base64 = comma - url >= 7 && strncasecmp(comma - 7, ";base64", 7) == 0;
    uint32_t bits = 0;
    int n_bits = 0;
    for (const char *p = comma + 1; *p; p++) {
        char c = *p;
        if (c == '%') {
            int high = hex_value(p[1]), low = high < 0 ? -1 : hex_value(p[2]);
            if (low < 0) return fail(e, GALAGO_ERR_FORMAT, "data: URL: bad %% escape at character %zu", (size_t)(p - url));
            c = (char)(high * 16 + low);
            p += 2;
        }
        if (!is_base64) {
            buf_append(out, &c, 1);
            continue;
        }
        if (c == '=' || c == '\n' || c == '\r' || c == ' ') continue;
        int v = base64_value(c);
        if (v < 0) return fail(e, GALAGO_ERR_FORMAT, "data: URL: not base64 at character %zu", (size_t)(p - url));
        bits = bits << 6 | (uint32_t)v;
        if ((n_bits += 6) >= 8) {
            n_bits -= 8;
            char byte = (char)(bits >> n_bits);
            buf_append(out, &byte, 1);
        }
    }
    return out->failed ? fail(e, GALAGO_ERR_MEMORY, "data: URL: not enough memory") : GALAGO_OK;
}

#ifdef GALAGO_HAVE_CURL
#include <curl/curl.h>

static size_t receive(char *bytes, size_t size, size_t n, void *user)
{
    buf *b = user;
    if (size * n > MAX_INPUT_BYTES - b->size) return 0; /* makes curl stop with a write error */
    buf_append(b, bytes, size * n);
    return b->failed ? 0 : size * n;
}

static galago_status download(const char *url, buf *out, galago_error *e)
{
    CURL *c = curl_easy_init();
    if (!c) return fail(e, GALAGO_ERR_INTERNAL, "%s: libcurl does not start", url);
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "galago/" GALAGO_VERSION);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 15L);
    /* A server that stalls is left after half a minute; a slow one that still sends is not. */
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    CURLcode rc = curl_easy_perform(c);
    long http = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &http);
    galago_status s = GALAGO_OK;
    if (rc == CURLE_WRITE_ERROR)
        s = fail(e, GALAGO_ERR_IO, "%s: larger than %d MB", url, MAX_INPUT_BYTES >> 20);
    else if (rc != CURLE_OK)
        s = fail(e, GALAGO_ERR_IO, "%.300s: %s", url, *reason ? reason : curl_easy_strerror(rc));
    else if (http >= 400)
        s = fail(e, GALAGO_ERR_IO, "%.300s: the server answered %ld", url, http);
    curl_easy_cleanup(c);
    return s;
}
#else
static galago_status download(const char *url, buf *out, galago_error *e)
{
    (void)out;
    return fail(e, GALAGO_ERR_UNSUPPORTED,
                "%.300s: this build has no libcurl; save the picture to a file, or build with libcurl's development package", url);
}
#endif

static bool is_data_url(const char *name) { return strncasecmp(name, "data:", 5) == 0; }

const char *image_label(const char *name)
{
    return is_data_url(name) ? "data: URL" : strcmp(name, "-") == 0 ? "standard input" : name;
}

galago_status image_open(const char *name, galago_image **out, galago_error *e)
{
    buf bytes = {0};
    galago_status s;
    *out = NULL;
    bool is_data = is_data_url(name);
    bool is_web = strncasecmp(name, "http://", 7) == 0 || strncasecmp(name, "https://", 8) == 0;
    if (!is_data && !is_web && strcmp(name, "-") != 0) return galago_image_load(name, out, e);
    if (is_data) s = decode_data_url(name, &bytes, e);
    else if (is_web) s = download(name, &bytes, e);
    else s = read_all(name, MAX_INPUT_BYTES, &bytes, e);
    if (!s && (s = galago_image_decode(bytes.data, bytes.size, out, e)))
        fail_prefix(e, image_label(name));
    buf_free(&bytes);
    return s;
}
