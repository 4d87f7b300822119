"""A cluster gives what one process gives, also when its workers are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import cluster_tasks as tasks
import dask
import dask.array
import numpy as np
import pytest
from distributed import KilledWorker, LocalCluster
from PIL import Image

import sparsecsc as sc
from sparsecsc import _distributed_calls
from sparsecsc.cli import main
from sparsecsc.distributed import connect, encode_blocks, map_items, mapper
from sparsecsc.io import load_codes, load_layer_codes, save_model

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; a task whose workers die twice is given up."""
    settings = {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.comm.timeouts.connect": "30s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as local,
    ):
        yield local


@pytest.fixture
def client(cluster):
    with connect(cluster.scheduler_address, timeout=60) as connected:
        yield connected


def read_all(targets):
    return [np.load(target) for target in targets]


def test_results_come_in_the_order_of_the_items(client):
    outcomes = map_items(tasks.encode, range(5), client)
    assert [outcome.item for outcome in outcomes] == list(range(5))
    for seed, outcome in enumerate(outcomes):
        assert outcome.error is None
        np.testing.assert_array_equal(outcome.value, tasks.encode(seed))


def test_a_killed_worker_changes_nothing(client, tmp_path):
    """The process that works on item 3 is killed from outside; another takes the item."""
    items = [(seed, str(tmp_path)) for seed in range(6)]
    targets = [tmp_path / f"{seed}.npy" for seed in range(6)]
    killed = []

    def kill():
        note = tmp_path / "waiting"
        while not note.exists():
            time.sleep(0.05)
        killed.append(int(note.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    before = set(client.run(os.getpid).values())
    outcomes = map_items(tasks.wait_to_be_killed, items, client, targets=targets)
    killer.join(timeout=60)
    assert killed[0] in before
    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert [outcome.value for outcome in outcomes] == list(range(6))
    serial = [tmp_path / f"serial{seed}.npy" for seed in range(6)]
    map_items(tasks.encode_file, items, targets=serial)
    for one, other in zip(targets, serial, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_learning_on_a_cluster_is_that_here_also_when_a_worker_dies(client):
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((3, 1, 200)) for _ in range(3)]
    mask = (rng.random((1, 1, 200)) < 0.8).astype(float)
    batches[1] = (batches[1], mask)
    filters = sc.random_filters(3, 1, 8, rng=1)

    def kill_one(state):
        if state.n_batches == 1:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    there = sc.learn_online(batches, filters, 0.5, mapper=mapper(client), callback=kill_one)
    here = sc.learn_online(batches, filters, 0.5, mapper=map)
    np.testing.assert_array_equal(there.filters, here.filters)
    assert there.state.objectives == here.state.objectives
    together = sc.learn_online(batches, filters, 0.5)
    np.testing.assert_allclose(here.state.objectives, together.state.objectives, rtol=1e-2)


def test_the_first_failure_of_a_mapper_is_raised():
    with pytest.raises(ValueError, match="no root of -1"):
        mapper()(tasks.square_root, [4, -1, 9])
    assert mapper()(tasks.square_root, [4, 9]) == [2.0, 3.0]
    with pytest.raises(TypeError, match=r"`mapper` must be callable, a function of a function and"):
        sc.learn_online([np.ones((1, 1, 20))], np.ones((1, 1, 3)), 0.5, mapper=3)


def test_the_command_learns_on_a_cluster(cluster, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 24)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    learn = ["learn", str(folder), "--online", "--filters", "4", "--kernel", "5x5", "--quiet"]
    learn += ["--weight", "0.1", "--out"]
    assert main([*learn, str(tmp_path / "a")]) == 0
    there = ["--scheduler", cluster.scheduler_address]
    assert main([*learn, str(tmp_path / "b"), *there]) == 0
    stored = [np.load(tmp_path / name / "filters.npz")["filters"] for name in "ab"]
    np.testing.assert_array_equal(*stored)


def test_an_item_that_kills_its_workers_is_given_up_and_the_others_are_not(client):
    outcomes = map_items(tasks.kill_if_negative, [1, -1, 2], client)
    assert [outcome.value for outcome in outcomes] == [1, None, 2]
    assert type(outcomes[1].error).__name__ == "KilledWorker"


def test_an_item_blamed_for_the_death_that_a_neighbour_caused_is_tried_by_itself(
    client, monkeypatch
):
    submitted = _distributed_calls._round
    rounds = []

    def blaming(function, calls, there):
        rounds.append([n for n, _ in calls])
        for n, value, error in submitted(function, calls, there):
            blamed = len(rounds) == 1 and n in (0, 2)
            yield n, None if blamed else value, KilledWorker("key", None, 1) if blamed else error

    monkeypatch.setattr("sparsecsc._distributed_calls._round", blaming)
    outcomes = map_items(tasks.square_root, [4, 9, 16, -1], client)
    assert rounds == [[0, 1, 2, 3], [0], [2]]
    assert [outcome.value for outcome in outcomes] == [2.0, 3.0, 4.0, None]
    assert isinstance(outcomes[3].error, ValueError)


@pytest.mark.parametrize("where", ["here", "there"])
def test_an_error_is_that_of_its_item_only(where, client):
    outcomes = map_items(tasks.square_root, [4, -1, 9], client if where == "there" else None)
    assert [outcome.value for outcome in outcomes] == [2.0, None, 3.0]
    assert str(outcomes[1].error) == "no root of -1"
    assert isinstance(outcomes[1].error, ValueError)


@pytest.mark.parametrize("where", ["here", "there"])
def test_finished_items_are_not_computed_again(where, client, tmp_path):
    items = [(seed, str(tmp_path)) for seed in range(4)]
    targets = [tmp_path / f"{seed}.npy" for seed in range(4)]
    there = client if where == "there" else None
    map_items(tasks.encode_file, items[:2], there, targets=targets[:2])
    seen = []
    outcomes = map_items(tasks.encode_file, items, there, targets=targets, callback=seen.append)
    assert [outcome.skipped for outcome in outcomes] == [True, True, False, False]
    assert {id(outcome) for outcome in seen} == {id(outcome) for outcome in outcomes}
    assert sorted((tmp_path / "calls").read_text().split()) == ["0", "1", "2", "3"]
    for seed, codes in enumerate(read_all(targets)):
        np.testing.assert_array_equal(codes, tasks.encode(seed))


def test_workers_solve_on_one_thread_and_this_process_keeps_its_own(client):
    assert [outcome.value for outcome in map_items(tasks.is_serial, [0], client)] == [True]
    assert [outcome.value for outcome in map_items(tasks.is_serial, [0])] == [False]


@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_codes_of_blocks_do_not_depend_on_the_cut(chunk):
    signals = np.random.default_rng(0).standard_normal((5, 1, 60)).astype(np.float32)
    bank = tasks.BANK.astype(np.float32)
    lazy = encode_blocks(
        dask.array.from_array(signals, chunks=(chunk, 1, 60)), bank, 0.3, padding="same", tol=1e-4
    )
    assert lazy.dtype == np.float32
    dictionary = sc.ConvDictionary(bank, padding="same")
    expected = [
        sc.solve(sc.Pursuit(one[None], dictionary, sc.L1(0.3)), tol=1e-4).codes for one in signals
    ]
    codes = lazy.compute(scheduler="synchronous")
    np.testing.assert_array_equal(codes, np.concatenate(expected))
    assert codes.dtype == np.float32


def test_blocks_are_encoded_on_the_cluster_when_they_are_asked_for(client):
    signals = dask.array.random.default_rng(0).standard_normal((4, 1, 60), chunks=(1, 1, 60))
    lazy = encode_blocks(signals, tasks.BANK, 0.3)
    codes = client.compute(lazy).result()
    whole = signals.compute(scheduler="synchronous")
    np.testing.assert_array_equal(
        codes, encode_blocks(dask.array.from_array(whole), tasks.BANK, 0.3).compute()
    )


def blocks(shape=(4, 1, 60), dtype=np.float64, chunks=None):
    return dask.array.zeros(shape, dtype=dtype, chunks=chunks or shape)


@pytest.mark.parametrize(
    ("signals", "error", "message"),
    [
        (np.zeros((2, 1, 9)), TypeError, "`signals` must be a dask array; got ndarray"),
        (blocks((4, 60)), ValueError, r"`signals` must be \(n_signals, n_channels, \*spatial\)"),
        (blocks(chunks=(4, 1, 30)), ValueError, "cut along its first axis only"),
        (blocks(dtype=np.int64), ValueError, "must be float32 or float64; got int64"),
        (blocks(dtype=np.float32), TypeError, "one kind and one dtype"),
        (blocks((4, 2, 60)), ValueError, "channels"),
        (blocks((4, 1, 5)), ValueError, "kernel"),
    ],
    ids=str,
)
def test_arrays_that_cannot_be_encoded_get_one_clear_error(signals, error, message):
    with pytest.raises(error, match=message):
        encode_blocks(signals, tasks.BANK, 0.3)


def test_what_a_block_has_wrong_is_found_when_it_is_computed():
    lazy = encode_blocks(blocks() * np.nan, tasks.BANK, 0.3)
    with pytest.raises(ValueError, match="`signals` must be finite"):
        lazy.compute(scheduler="synchronous")
    with pytest.raises(TypeError, match="`penalty` must be callable"):
        encode_blocks(blocks(), tasks.BANK, 0.3, penalty="l1")


def test_a_scheduler_that_does_not_answer_gets_one_clear_error():
    with pytest.raises(ConnectionError, match=r"no answer in 0.5 s: start one there"):
        connect("tcp://127.0.0.1:1", timeout=0.5)
    with pytest.raises(ValueError, match="expected an address such as"):
        connect("nonsense://here:1", timeout=0.5)
    with pytest.raises(TypeError, match="`address` must be text"):
        connect(8786)
    with pytest.raises(ValueError, match="`timeout` must be a number > 0"):
        connect("tcp://127.0.0.1:1", timeout=0)


def test_a_cluster_without_workers_gets_one_clear_error():
    with (
        LocalCluster(n_workers=0, dashboard_address=":0", processes=False) as empty,
        pytest.raises(ConnectionError, match=r"got none in 0.5 s: start some with `dask worker"),
    ):
        connect(empty.scheduler_address, timeout=0.5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("root", [1]), TypeError, "`function` must be callable"),
        ((tasks.encode, 5), TypeError, "`items` must be a sequence"),
        ((tasks.encode, [1, 2], ["a"]), ValueError, "`targets` must be 2 different files"),
        ((tasks.encode, [1, 2], ["a", "a"]), ValueError, "1 of them different"),
    ],
)
def test_wrong_arguments_get_one_clear_error(arguments, error, message):
    function, items, *targets = arguments
    with pytest.raises(error, match=message):
        map_items(function, items, targets=targets[0] if targets else None)


# ---- the command ----


@pytest.fixture
def folder(tmp_path):
    """Three pieces of a photograph, and a file that is not a picture."""
    pixels = np.rint(255 * sc.load_image("camera")).astype(np.uint8)
    (tmp_path / "in").mkdir()
    for n in range(3):
        Image.fromarray(pixels[40 * n : 40 * n + 32, 60:100]).save(tmp_path / "in" / f"{n}.png")
    return tmp_path


def solve(folder, cluster, *options):
    arguments = ["--filters", "dct4x4", "--weight-ratio", "0.2", *options]
    arguments += ["--scheduler", cluster.scheduler_address, "--out", str(folder / "out")]
    return main(["solve", str(folder / "in"), *arguments])


def summary(folder):
    return json.loads((folder / "out" / "batch.json").read_text())["files"]


def test_the_command_codes_each_file_as_if_it_were_alone(folder, cluster, capsys):
    assert solve(folder, cluster) == 0
    assert "3 of 3 files done, 0 failed" in capsys.readouterr().out
    for n in range(3):
        alone = folder / f"alone{n}"
        path = folder / "in" / f"{n}.png"
        run = f"solve {path} --filters dct4x4 --weight-ratio 0.2 --quiet --out {alone}"
        assert main(run.split()) == 0
        there = folder / "out" / f"{n}.png"
        assert sorted(p.name for p in there.iterdir()) == sorted(p.name for p in alone.iterdir())
        assert load_codes(there / "codes.npz").kept == load_codes(alone / "codes.npz").kept
        name = "reconstruction.png"
        assert (there / name).read_bytes() == (alone / name).read_bytes()
        assert summary(folder)[f"{n}.png"]["status"] == "CONVERGED"


def test_a_file_that_cannot_be_read_fails_alone(folder, cluster, capsys):
    (folder / "in" / "bad.png").write_bytes(b"not a picture")
    assert solve(folder, cluster, "--quiet") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sparsecsc: error: bad.png: expected")
    assert captured.err.count("\n") == 1
    assert "error" in summary(folder)["bad.png"]
    assert summary(folder)["2.png"]["status"] == "CONVERGED"


def test_finished_files_are_kept_when_the_job_is_resumed(folder, cluster, capsys):
    (folder / "in" / "bad.png").write_bytes(b"not a picture")
    solve(folder, cluster, "--quiet")
    (folder / "out" / "1.png" / "result.json").unlink()
    stamps = {n: (folder / "out" / f"{n}.png" / "result.json") for n in (0, 2)}
    before = {n: path.stat().st_mtime_ns for n, path in stamps.items()}
    (folder / "in" / "bad.png").unlink()
    assert solve(folder, cluster, "--resume") == 0
    out = capsys.readouterr().out
    assert out.count("  kept\n") == 2
    assert {n: path.stat().st_mtime_ns for n, path in stamps.items()} == before
    assert solve(folder, cluster, "--quiet") == 0
    assert {n: path.stat().st_mtime_ns for n, path in stamps.items()} != before


def test_a_job_of_other_settings_is_not_gone_on_with(folder, cluster, capsys):
    assert solve(folder, cluster, "--resume") == 2
    assert "--resume needs" in capsys.readouterr().err
    solve(folder, cluster, "--quiet")
    assert solve(folder, cluster, "--resume", "--tol", "0.01") == 2
    assert "got tol 0.001 there and 0.01 here" in capsys.readouterr().err
    (folder / "out" / "batch.json").write_text("{")
    assert solve(folder, cluster, "--resume") == 2
    assert "got a damaged file" in capsys.readouterr().err


def test_models_are_solved_file_by_file(folder, cluster):
    banks = [sc.dct_filters((3, 3)), sc.random_filters(4, 9, (3, 3), 0)]
    save_model(folder / "model.npz", sc.MLCSC([sc.ConvDictionary(bank) for bank in banks]))
    run = ["--model", str(folder / "model.npz"), "--weight-ratio", "0.3", "--pursuit", "lbp"]
    run += ["--quiet", "--lowpass", "0", "--out", str(folder / "out")]
    address = cluster.scheduler_address
    assert main(["solve", str(folder / "in"), *run, "--scheduler", address]) == 0
    assert main(["solve", str(folder / "in" / "1.png"), *run[:-1], str(folder / "alone")]) == 0
    there = load_layer_codes(folder / "out" / "1.png" / "codes.npz").codes
    alone = load_layer_codes(folder / "alone" / "codes.npz").codes
    for one, other in zip(there, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_files_not_converged_are_told(folder, cluster, capsys):
    assert solve(folder, cluster, "--max-iter", "1", "--tol", "1e-9") == 1
    assert "0 of 3 files done, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "expected a dask scheduler at"),
        (["--workdir", "work"], "got --workdir"),
    ],
)
def test_misuse_is_one_line(options, message, folder, cluster, capsys, monkeypatch):
    monkeypatch.setattr("sparsecsc.distributed.connect.__kwdefaults__", {"timeout": 0.5})
    scheduler = ["--scheduler", cluster.scheduler_address]
    run = ["solve", str(folder / "in"), "--filters", "dct4x4", "--weight", "1", *scheduler]
    assert main([*run, *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_scheduler_needs_a_folder_with_files(folder, cluster, capsys):
    rest = ["--filters", "dct4x4", "--weight", "1", "--scheduler", cluster.scheduler_address]
    assert main(["solve", str(folder / "in" / "0.png"), *rest]) == 2
    assert "--scheduler codes a folder" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert main(["solve", str(folder / "empty"), *rest]) == 2
    assert "got none: name another" in capsys.readouterr().err


def test_without_dask_the_command_says_what_to_install(folder, tmp_path):
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from sparsecsc.cli import main\n"
        f"sys.exit(main(['solve', {str(folder / 'in')!r}, '--filters', 'dct4x4', '--weight', '1',"
        " '--scheduler', 'tcp://127.0.0.1:1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert 'pip install "sparsecsc[dask]"' in done.stderr
