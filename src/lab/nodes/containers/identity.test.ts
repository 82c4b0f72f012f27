import { describe, expect, it } from 'vitest'
import type { Container, Pod, PodSecurityContext, SecurityContext } from '../pod.ts'
import { asIdentity, whyNotAllowed } from './identity.ts'

const podOf = (securityContext?: PodSecurityContext): Pod => ({
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { containers: [], ...(securityContext && { securityContext }) },
})
const containerOf = (securityContext?: SecurityContext): Container => ({
  name: 'c',
  ...(securityContext && { securityContext }),
})
const passwd = 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/var/www:/bin/sh\n'

describe('as whom a container runs', () => {
  it.each<[string, PodSecurityContext | undefined, SecurityContext | undefined, string]>([
    ['as root where nothing is said', undefined, undefined, ''],
    ['as the user that it names', undefined, { runAsUser: 7 }, '--reuid=7 --regid=0 --clear-groups'],
    ['in the group of a user that is known', undefined, { runAsUser: 33 }, '--reuid=33 --regid=34 --clear-groups'],
    [
      "as its own user before its pod's",
      { runAsUser: 7, runAsGroup: 8 },
      { runAsUser: 9 },
      '--reuid=9 --regid=8 --clear-groups',
    ],
    ['in the groups of its pod', { supplementalGroups: [5, 6], fsGroup: 6 }, undefined, '--groups=5,6'],
    ['without new privileges', undefined, { allowPrivilegeEscalation: false }, '--no-new-privs'],
    [
      'with the capabilities that are left',
      undefined,
      { capabilities: { drop: ['ALL'], add: ['CAP_NET_RAW', 'CHOWN'] } },
      '--bounding-set=-all,+net_raw,+chown --inh-caps=-all',
    ],
    ['with all of them where it is privileged', undefined, { privileged: true, capabilities: { drop: ['ALL'] } }, ''],
  ])('%s', (_what, ofPod, own, expected) => {
    const command = asIdentity(podOf(ofPod), containerOf(own), passwd)
    expect(command.join(' ')).toBe(expected === '' ? '' : `/usr/bin/setpriv ${expected}`)
  })
})

it.each<[PodSecurityContext | undefined, SecurityContext | undefined, string | undefined]>([
  [undefined, undefined, undefined],
  [{ runAsNonRoot: true }, undefined, 'container has runAsNonRoot and image will run as root'],
  [{ runAsNonRoot: true }, { runAsUser: 0 }, "container's runAsUser breaks non-root policy"],
  [{ runAsNonRoot: true, runAsUser: 5 }, undefined, undefined],
  [{ runAsNonRoot: true }, { runAsNonRoot: false }, undefined],
])('is root only where it may be: %j %j', (ofPod, own, expected) => {
  expect(whyNotAllowed(podOf(ofPod), containerOf(own))).toBe(expected)
})
