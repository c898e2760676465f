import { pipeline } from 'galago';

const words = document.getElementById('words');
const input = document.querySelector('input');
try {
  // A bundler carries code and wasm along but no model: the demo's files lie in public/models (see package.json).
  const vl = await pipeline('image-to-text', 'demo', { source: { demoUrl: new URL('models/', document.baseURI).href } });
  words.textContent = 'Ready.';
  input.disabled = false;
  input.addEventListener('change', async () => {
    words.textContent = '';
    for await (const piece of vl.stream(input.files[0], { prompt: 'Describe this image.' })) words.append(piece);
  });
} catch (error) {
  words.textContent = error.message;
}
