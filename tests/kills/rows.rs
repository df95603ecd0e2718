//! Rows of many kinds, each with one right answer.

use serde_json::{Value, json};

const CHART: &str = "import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(3, 2))
axes.bar(range(5), [({n} * step) % 7 + 1 for step in range(1, 6)])
axes.set_title('chart {n}')
figure.savefig('chart.png')
print('drawn {n}')";

/// The `n`-th row.
pub(crate) fn row(n: usize) -> Value {
    let id = format!("row-{n}");
    let python = |code: String| json!({"id": id, "runtime": "python", "code": code});
    match n % 20 {
        0 => python(CHART.replace("{n}", &n.to_string())),
        1 | 2 => python(format!("print({n})\nraise ValueError('row {n}')")),
        3 => python(format!("print({n})\nraise SystemExit({})", n % 5)),
        4 => python(format!("import os\nprint({n}, flush=True)\nos.kill(os.getpid(), 9)")),
        5 => python(format!("open('text.txt', 'w').write('row {n}')")),
        6 => python(format!("import time\ntime.sleep(0.05)\nprint({n})")),
        // Each answer below serves several rows.
        7 | 8 => python(format!("print('shared', {})", n / 60)),
        9 => tested(&id, n, n + 1),
        10 => tested(&id, n, n + 2),
        _ => python(format!("print({n})")),
    }
}

fn tested(id: &str, n: usize, expected: usize) -> Value {
    let code = "print(int(input()) + 1)";
    json!({"id": id, "runtime": "python", "code": code, "tests": [{"stdin": n.to_string(), "stdout": expected.to_string()}]})
}
