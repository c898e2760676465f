// Answers to Range requests, made of a whole file that is kept.

/** [first, last] of a Range header within `size` bytes; null where everything is to be sent, 'bad' where there is no such part. */
export function rangeOf(header: string | null, size: number): [number, number] | null | 'bad' {
  const m = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!m || (m[1] === '' && m[2] === '')) return null; // several ranges at once may be answered with everything
  const first = m[1] === '' ? Math.max(0, size - Number(m[2])) : Number(m[1]);
  const last = m[1] !== '' && m[2] !== '' ? Math.min(Number(m[2]), size - 1) : size - 1;
  return first >= size || last < first ? 'bad' : [first, last];
}

/** The headers of a kept answer for a body that is not packed and may be a part. */
function plainHeaders(kept: Headers): Headers {
  const headers = new Headers(kept);
  for (const name of ['content-encoding', 'transfer-encoding', 'content-range']) headers.delete(name);
  headers.set('accept-ranges', 'bytes');
  return headers;
}

/** Whether the part asked for is one of the version that is kept. */
function isOfVersion(request: Request, kept: Headers): boolean {
  const wanted = request.headers.get('if-range');
  return !wanted || wanted === kept.get('etag') || wanted === kept.get('last-modified');
}

/** The answer to `request` from a kept whole file of `size` bytes. `part(first, end)` gives bytes of it. */
export async function answerFrom(request: Request, kept: Headers, size: number, part: (first: number, end: number) => Promise<Blob>): Promise<Response> {
  const range = isOfVersion(request, kept) ? rangeOf(request.headers.get('range'), size) : null;
  const headers = plainHeaders(kept);
  if (range === 'bad') {
    headers.set('content-range', `bytes */${size}`);
    headers.set('content-length', '0');
    return new Response(null, { status: 416, headers });
  }
  const [first, last] = range ?? [0, size - 1];
  headers.set('content-length', String(last - first + 1));
  if (range) headers.set('content-range', `bytes ${first}-${last}/${size}`);
  return new Response(request.method === 'HEAD' ? null : await part(first, last + 1), { status: range ? 206 : 200, headers });
}
