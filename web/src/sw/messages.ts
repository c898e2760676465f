// What page and service worker say to each other.

/** What a request is made for. `update`: files of the page that are kept for use without a network. */
export type Why = 'page' | 'model' | 'picture' | 'update';

/** A request that went out to the network, as the service worker saw it. */
export interface SeenRequest {
  url: string;
  why: Why;
  /** Bytes of the answer where they are known when it begins, else those that were asked for, else 0. */
  bytes: number;
  /** Milliseconds since 1970. */
  at: number;
}

export type FromWorker =
  | ({ galago: 'request' } & SeenRequest)
  /** The files could not be kept: the page goes on with the network, and the version before stays as it is. */
  | { galago: 'not-kept'; what: 'page' | 'model'; full: boolean; message: string };

/** What the page knows of the demo model in the package's own store; see sw/model.ts. */
export interface ModelNews {
  galago: 'model';
  /** It lies there whole, and will still be there tomorrow. */
  stored: boolean;
  /** It is being fetched. */
  busy: boolean;
  /** When it was used last, and when this page began: milliseconds since 1970. */
  used: number;
  since: number;
  /** There is a network that may be used without asking. */
  spare: boolean;
}

export type ToWorker =
  | ModelNews
  /** The person takes the new version. Answered with the number of other open tabs: the new version waits for them. */
  | { galago: 'activate' };
