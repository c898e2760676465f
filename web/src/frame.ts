// What is there in every view, whichever is shown first. The build has every view import this file, so that all of it is one
// file of the built page: in eight, one for each group of views that shares a part, it would be a tenth larger.

// First, so that no request is missed.
import './network.js';
import './i18n.js';
import './dom.js';
import './errors.js';
import './settings.js';
import './model.js';
import './chip.js';
import './router.js';
