// Where senders reach the service.

/** An address that other programs can use, for one that the service listens on. */
export function reachable(listened: string, page: { hostname: string }, port: number): string {
  const [, host = "", number = String(port)] = /^(.*?):(\d+)$/.exec(listened) ?? [];
  // A service that listens on every address is reached by the name that brought us here.
  const name = ["", "0.0.0.0", "::", "[::]"].includes(host) ? page.hostname : host;
  return `${name.includes(":") && !name.startsWith("[") ? `[${name}]` : name}:${number}`;
}

/** Whether a link of somebody's text leads to a web page: nothing that a browser would run. */
export function isOutside(address: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(address);
}
