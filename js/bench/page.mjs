// The page of a measurement: runs the module that the query names and posts what it gives back.
const query = new URLSearchParams(location.search);
const send = (message) => fetch('/report', { method: 'POST', body: JSON.stringify({ run: query.get('run'), ...message }) });

try {
  const { measurePage } = await import(query.get('job'));
  const result = await measurePage(JSON.parse(query.get('options')), (stage, fraction) => send({ type: 'stage', stage, fraction }));
  await send({ type: 'result', result });
} catch (error) {
  await send({ type: 'error', message: String(error?.message ?? error), code: error?.code, stack: error?.stack });
}
