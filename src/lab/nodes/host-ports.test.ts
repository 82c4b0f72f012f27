import { describe, expect, it } from 'vitest'
import { capabilitiesOf, portMappings, refusedPorts } from './host-ports.ts'
import type { Pod } from './pod.ts'

const pod = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { containers: [], ...spec },
})
const port = (more: object) => ({ name: 'c', ports: [{ containerPort: 80, ...more }] })

describe('host ports of a pod', () => {
  it('are what a container runtime is asked to map', () => {
    const containers = [
      { name: 'a', ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] },
      port({ containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '192.0.2.1' }),
    ]
    expect(capabilitiesOf(pod({ containers }))).toEqual({
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
      ],
    })
  })

  it('are on all addresses where that is what hostIP says', () => {
    for (const hostIP of ['', '0.0.0.0', '::'])
      expect(portMappings(pod({ containers: [port({ hostPort: 1, hostIP })] }))).toEqual([
        { hostPort: 1, containerPort: 80, protocol: 'tcp' },
      ])
  })

  it('count those of sidecars, and not those of init containers that end', () => {
    const initContainers = [port({ hostPort: 1 }), { ...port({ hostPort: 2 }), restartPolicy: 'Always' }]
    expect(portMappings(pod({ initContainers })).map(({ hostPort }) => hostPort)).toEqual([2])
  })

  it('need nothing of the runtime on the network of the node, or where there are none', () => {
    expect(capabilitiesOf(pod({ hostNetwork: true, containers: [port({ hostPort: 80 })] }))).toBeUndefined()
    expect(capabilitiesOf(pod({ containers: [port({ hostPort: 0 }), { name: 'bare' }] }))).toBeUndefined()
  })

  it("never take the kubelet's own port, though UDP of that number is nobody's", () => {
    const containers = [port({ hostPort: 10250 }), port({ hostPort: 10250, protocol: 'UDP' })]
    expect(portMappings(pod({ containers }))).toEqual([{ hostPort: 10250, containerPort: 80, protocol: 'udp' }])
    expect(refusedPorts(pod({ containers }))).toMatchObject([{ hostPort: 10250, protocol: 'tcp' }])
  })
})
