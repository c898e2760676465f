const worker = new Worker(new URL('worker.mjs', import.meta.url), { type: 'module' });
const words = document.getElementById('words');

worker.addEventListener('message', ({ data }) => {
  if (data.piece) words.append(data.piece);
  if (data.error) words.textContent = data.error;
});
document.querySelector('input').addEventListener('change', (event) => {
  words.textContent = '';
  worker.postMessage({ picture: event.target.files[0], prompt: 'Describe this image.' });
});
