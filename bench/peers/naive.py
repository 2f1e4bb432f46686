"""What one would write in an afternoon: FastAPI, uvicorn and SQLite in front of fal, in good faith.

    DB=naive.db UPSTREAM=http://127.0.0.1:9090 uvicorn naive:app --port 8081

A wallet, a price, a background task that submits, polls, downloads and refunds, WAL mode, a commit for each write. As
the tutorials do it: endpoints as plain functions in FastAPI's pool of threads, a connection for each.
"""
import asyncio, contextlib, hashlib, os, pathlib, sqlite3, time, uuid

import httpx
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

DB, UPSTREAM = os.environ["DB"], os.environ["UPSTREAM"]
POLL = float(os.environ.get("POLL", "0.05"))
PRICE = 20
FILES = pathlib.Path(DB + ".files")


def connect() -> sqlite3.Connection:
    database = sqlite3.connect(DB, timeout=10)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    FILES.mkdir(exist_ok=True)
    with contextlib.closing(connect()) as database, database:
        database.executescript(
            """CREATE TABLE IF NOT EXISTS users (key TEXT PRIMARY KEY, balance INTEGER NOT NULL);
               CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, key TEXT, status TEXT, upstream TEXT, asset TEXT,
                                                 error TEXT, created REAL);"""
        )
        database.execute("INSERT OR IGNORE INTO users VALUES ('bench-key', ?)", [int(os.environ.get("BALANCE", 10**9))])
    app.state.http = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=200))
    yield
    await app.state.http.aclose()


app = FastAPI(lifespan=lifespan)


class Generate(BaseModel):
    image_url: str
    resolution: str = "1024"
    textures: bool = False


def user(authorization: str = Header()):
    key = authorization.removeprefix("Bearer ")
    with contextlib.closing(connect()) as database:
        row = database.execute("SELECT * FROM users WHERE key = ?", [key]).fetchone()
    if not row:
        raise HTTPException(401, "invalid key")
    return row


def update(task: str, **fields) -> None:
    names = ", ".join(f"{name} = ?" for name in fields)
    with contextlib.closing(connect()) as database, database:
        database.execute(f"UPDATE tasks SET {names} WHERE id = ?", [*fields.values(), task])


async def work(task: str, key: str, body: Generate) -> None:
    http: httpx.AsyncClient = app.state.http
    headers = {"Authorization": "Key fal"}
    try:
        wish = {"image_url": body.image_url, "resolution": int(body.resolution)}
        job = (await http.post(f"{UPSTREAM}/fal-ai/trellis-2", json=wish, headers=headers)).raise_for_status().json()
        update(task, status="IN_PROGRESS", upstream=job["request_id"])
        while True:
            await asyncio.sleep(POLL)
            status = (await http.get(job["status_url"], headers=headers)).raise_for_status().json()
            if status["status"] == "COMPLETED":
                break
        result = (await http.get(job["response_url"], headers=headers)).raise_for_status().json()
        model = (await http.get(result["model_glb"]["url"])).raise_for_status().content
        name = hashlib.sha256(model).hexdigest() + ".glb"
        (FILES / name).write_bytes(model)
        update(task, status="FINISHED", asset=name)
    except Exception as error:
        with contextlib.closing(connect()) as database, database:
            database.execute("UPDATE tasks SET status = 'FAILED', error = ? WHERE id = ?", [str(error), task])
            database.execute("UPDATE users SET balance = balance + ? WHERE key = ?", [PRICE, key])


@app.post("/v1/3d-models/trellis2/generate/")
def generate(body: Generate, background: BackgroundTasks, who=Depends(user)):
    if who["balance"] < PRICE:
        raise HTTPException(402, "insufficient credits")
    task = str(uuid.uuid4())
    with contextlib.closing(connect()) as database, database:
        database.execute("UPDATE users SET balance = balance - ? WHERE key = ?", [PRICE, who["key"]])
        database.execute(
            "INSERT INTO tasks (id, key, status, created) VALUES (?, ?, 'PENDING', ?)", [task, who["key"], time.time()]
        )
    background.add_task(work, task, who["key"], body)
    return {"task_id": task, "credits": PRICE}


@app.get("/v1/generation-request/{task}/status/")
def status(task: str, who=Depends(user)):
    with contextlib.closing(connect()) as database:
        row = database.execute("SELECT * FROM tasks WHERE id = ? AND key = ?", [task, who["key"]]).fetchone()
    if not row:
        raise HTTPException(404, "no such task")
    return {"task_id": task, "status": row["status"], "results": [{"asset": row["asset"]}], "failure_reason": row["error"]}


@app.get("/v1/wallet/")
def wallet(who=Depends(user)):
    return {"balance": who["balance"]}


@app.get("/healthz")
def health():
    return {"status": "ok"}
