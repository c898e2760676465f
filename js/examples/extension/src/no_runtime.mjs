// Stands for the package in the script that goes into pages.
export class GalagoError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
}

export const pipeline = () => Promise.reject(new GalagoError('unsupported', 'In a page of the internet no model is opened'));
