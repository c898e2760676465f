// Firefox's background is a page: the model runs in a worker of it. The browser ends that page when it has nothing to do, and wakes it again.
import { start } from './background.mjs';
import { serve } from './host.mjs';
import { settings } from './settings.mjs';

start(async () => {});
serve(settings, () => {});
