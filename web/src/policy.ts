// Which hosts this page may ask: its own policy says so, and nothing else can.

/** The origins of a policy's connect-src beside the page's own. */
export function connectOrigins(policy: string): string[] {
  const directive = policy.split(';').map((d) => d.trim().split(/\s+/)).find(([name]) => name === 'connect-src');
  return (directive ?? []).slice(1).filter((source) => !source.startsWith("'"));
}

/** Whether the policy lets an address be fetched. */
export function allows(policy: string, address: URL, own: string): boolean {
  if (address.origin === own) return true;
  return connectOrigins(policy).some((source) => {
    if (/^[a-z]+:$/.test(source)) return address.protocol === source;
    const [, scheme, any, host, port] = /^(https?:)\/\/(\*\.)?([^:/]+)(?::(\d+))?\/?$/.exec(source) ?? [];
    if (!host || scheme !== address.protocol || (port ?? '') !== address.port) return false;
    return any ? address.hostname.endsWith(`.${host}`) : address.hostname === host;
  });
}

const stated = (): string => document.querySelector<HTMLMetaElement>('meta[http-equiv="Content-Security-Policy"]')?.content ?? '';

/** Addresses of hubs that may be asked; the first is the usual one. */
export function hubs(): string[] {
  return connectOrigins(stated()).filter((source) => /^https?:\/\/[^*]+$/.test(source));
}

export function mayFetch(address: URL): boolean {
  return allows(stated(), address, location.origin);
}
