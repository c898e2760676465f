// Says what a module worker of this browser has.
onmessage = async () => {
  const facts = {
    sharedArrayBuffer: typeof SharedArrayBuffer === 'function',
    fileReaderSync: typeof FileReaderSync === 'function',
    cacheApi: typeof caches === 'object',
    gpu: Boolean(navigator.gpu),
    offscreenCanvas: typeof OffscreenCanvas === 'function',
    createImageBitmap: typeof createImageBitmap === 'function',
    imageDecoder: typeof ImageDecoder === 'function',
    threads: navigator.hardwareConcurrency,
    opfs: false,
  };
  try {
    const folder = await navigator.storage.getDirectory();
    const file = await folder.getFileHandle('galago-facts', { create: true });
    const access = await file.createSyncAccessHandle();
    access.write(new Uint8Array(8), { at: 0 });
    facts.opfs = access.getSize() === 8;
    access.close();
    await folder.removeEntry('galago-facts');
  } catch (error) {
    facts.opfsError = String(error);
  }
  const estimate = await navigator.storage?.estimate?.().catch(() => null);
  facts.quota = estimate?.quota;
  postMessage(facts);
};
