import { namesIn, textOf } from './read-if-there.ts'

/** As sshd reads it (servconf.c): blanks or one `=` between keyword and value, quotes, and a comment or `rdomain` behind it. */
const sshdLine =
  /^[ \t]*(?:Port(?:[ \t]*=[ \t]*|[ \t]+)"?|ListenAddress(?:[ \t]*=[ \t]*|[ \t]+)"?\S*:)(\d+)"?(?:[ \t\r].*)?$/gim

/** Files that say where sshd listens: its own (sshd_config(5)), and those of the socket by which systemd starts it at the first connection (systemd.socket(5)). */
const configurations: readonly { directory: string; files: RegExp; line: RegExp }[] = [
  { directory: 'etc/ssh', files: /^sshd_config$/, line: sshdLine },
  { directory: 'etc/ssh/sshd_config.d', files: /\.conf$/, line: sshdLine },
  ...['ssh', 'sshd'].flatMap((unit) =>
    ['etc', 'run'].map((root) => ({
      directory: `${root}/systemd/${root === 'run' ? 'generator' : 'system'}/${unit}.socket.d`,
      files: /\.conf$/,
      line: /^\s*ListenStream=(?:\S*:)?(\d+)\s*$/gm,
    })),
  ),
]

/**
 * TCP ports at which sshd is configured to listen. While systemd holds its socket no process of that name is there until somebody connects, and after that it may be too late.
 *
 * @param root where the files are
 */
export function configuredSshdPorts(root = '/'): number[] {
  const ports = configurations.flatMap(({ directory, files, line }) =>
    namesIn(`${root}/${directory}`)
      .filter((name) => files.test(name))
      .flatMap((name) => [...textOf(`${root}/${directory}/${name}`).matchAll(line)].map(([, port]) => Number(port))),
  )
  return [...new Set(ports)].filter((port) => port >= 1 && port <= 65_535).toSorted((a, b) => a - b)
}
