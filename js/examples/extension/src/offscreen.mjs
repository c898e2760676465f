// Chromium's page for the model. Of the extension's interfaces it has messages alone, so it asks for the settings.
import { serve } from './host.mjs';

const ask = async (type) => (await chrome.runtime.sendMessage({ to: 'background', type })).value;
serve(() => ask('settings'), () => void ask('idle'));
