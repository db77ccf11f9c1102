// Polls the server of this page for changes of a running search, and updates the page.

const EVERY_MS = 3000;

async function changed(version) {
  const answer = await fetch(`content?after=${version}`, { cache: "no-store" });
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function follow() {
  let version = content.version;
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    try {
      const received = await changed(version);
      if (received) {
        version = received.version;
        load(received);
        show();
        at("followed").textContent = `Followed: as of ${new Date().toLocaleTimeString()}.`;
      } else if (at("followed").dataset.lost) at("followed").textContent = "Followed: nothing new.";
      delete at("followed").dataset.lost;
    } catch (error) {
      at("followed").dataset.lost = "yes";
      at("followed").textContent = `Not refreshed: ${error.message}. Is gi report --follow still running?`;
    }
  }
}

at("followed").textContent = "Followed: shows what the run adds.";
follow();
