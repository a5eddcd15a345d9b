/** The health of the runtime, the dispatchers, and the last actions through this page. */
import type { HealthSections } from '../views/health.js';
import { Age, Card, Loaded, number, Table, Time } from './elements.js';
import { bytesText, countText, durationText, journalText } from './format.js';
import { useNow, useView } from './live.js';

export function HealthPage() {
  const seen = useView<HealthSections>('health', new URLSearchParams());
  const now = useNow();
  return (
    <Loaded seen={seen}>
      {({ runtime, dispatchers, actions }) => {
        const { store, turns, threads, jobs, versions } = runtime;
        const facts: [string, preact.ComponentChildren][] = [
          ['state', runtime.state],
          ['id', <code key="id">{runtime.id}</code>],
          ['process', `${runtime.pid} on ${runtime.host}`],
          ['open since', <Time key="opened" at={runtime.opened} />],
          ['versions', `callsheet ${versions.callsheet}, Node ${versions.node}`],
          ['clients', countText(runtime.clients)],
          [
            'threads',
            `${threads.running} running, ${threads.claimed} claimed, ${threads.size} of at most ${threads.most}`,
          ],
        ];
        const work: [string, preact.ComponentChildren][] = [
          ['turns, last minute', countText(turns.count)],
          ['mean turn', durationText(turns.meanMs)],
          ['longest turn', durationText(turns.longestMs)],
          ['answer to this page', durationText(runtime.answerMs)],
          ['commits', countText(store.frames)],
          ['syncs', countText(store.syncs)],
          ['last sync, longest', `${durationText(store.lastSyncMs)}, ${durationText(store.longestSyncMs)}`],
          ['written', bytesText(store.bytesWritten)],
          ['journal', journalText(store.diskBytes)],
          ['free on its disk', store.freeBytes === undefined ? 'no disk' : bytesText(store.freeBytes)],
          ['snapshots', countText(store.snapshots)],
          [
            'last snapshot, longest',
            store.snapshots === 0
              ? '–'
              : `${durationText(store.lastSnapshotMs)}, ${durationText(store.longestSnapshotMs)}`,
          ],
          ['disk', store.takesWork ? 'takes work' : 'full: no job begins'],
        ];
        return (
          <>
            <Card title="Runtime">
              <Facts facts={facts} />
            </Card>
            <Card title="Coordinator and journal">
              <Facts facts={work} />
            </Card>
            <Card title="Remembered jobs by status">
              <Facts facts={Object.entries(jobs).map(([status, count]) => [status, countText(count)])} />
            </Card>
            <Card title="Dispatchers">
              <Table
                label="Dispatchers"
                columns={['dispatcher', 'host', 'state', 'last sign of life', number('agents')]}
                empty="No dispatcher is registered, so no job runs."
                rows={dispatchers.map(({ id, host, pid, active, lastPingAt, agents }) => ({
                  key: id,
                  cells: [
                    <span key="id" class="id" title={id}>
                      {id.slice(-8)}
                    </span>,
                    `${host}, ${pid}`,
                    active ? '✓ active' : '○ inactive',
                    <span key="ping">
                      <Age since={lastPingAt} now={now} /> ago
                    </span>,
                    agents,
                  ],
                }))}
              />
            </Card>
            <Card title="Actions through this page" class="wide">
              <Table
                label="Actions"
                columns={['at', 'author', 'action', 'on', 'result']}
                empty="None since the page was opened."
                rows={actions.map(({ at, author, action, target, error }, index) => ({
                  key: `${at} ${index}`,
                  cells: [
                    <Time key="at" at={at} />,
                    author,
                    action,
                    <span key="on" class="message">
                      {target}
                    </span>,
                    error === undefined ? '✓ done' : `✗ ${error}`,
                  ],
                }))}
              />
            </Card>
          </>
        );
      }}
    </Loaded>
  );
}

export function Facts({ facts }: { facts: readonly (readonly [string, preact.ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
