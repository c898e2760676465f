import { pipeline } from './galago/index.js';

const words = document.getElementById('words');
const input = document.querySelector('input');
try {
  const vl = await pipeline('image-to-text', 'demo');
  words.textContent = 'Ready.';
  input.disabled = false;
  input.addEventListener('change', async () => {
    words.textContent = '';
    for await (const piece of vl.stream(input.files[0], { prompt: 'Describe this image.' })) words.append(piece);
  });
} catch (error) {
  words.textContent = error.message; // says what to do
}
