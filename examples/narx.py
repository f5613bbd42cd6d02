"""A heated tank: its temperature follows the heater late and not in proportion.  AR, ARX and NARX continue the series.

An autoregression knows the temperature's past alone; an ARX model sees the heater too, but only in proportion; the
network of a NARX model bends.  All are judged by a free run over the last fifth, which they have not seen.
"""

import numpy as np

import elman


def tank(steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Temperature, and heater between -2 and 2, which shows two steps later and saturates."""
    random = np.random.default_rng(seed)
    heater = np.repeat(random.uniform(-2, 2, size=steps // 5 + 1), 5)[:steps]
    temperature = np.full(steps, 20.0)
    for t in range(2, steps):
        heat = 4 * np.tanh(1.5 * heater[t - 2]) - 0.3 * heater[t - 2] ** 2
        temperature[t] = 20 + 0.8 * (temperature[t - 1] - 20) + heat + 0.1 * random.normal()
    return temperature, heater


def main() -> None:
    y, x = tank(500)
    cut = 400
    ar = elman.AR().fit(y[:cut])
    print(f"AR({ar.order}) is {'stable' if ar.stable else 'not stable'}; sigma {ar.sigma2**0.5:.2f} degrees")
    forecast = ar.forecast(3, level=0.9)
    for step, (mean, lower, upper) in enumerate(zip(forecast.mean, forecast.lower, forecast.upper, strict=True), 1):
        print(f"  {step} ahead: {mean:.1f} degrees, in 9 of 10 cases from {lower:.1f} to {upper:.1f}")

    arx = elman.NARX(network="linear").fit(y[:cut], x[:cut])
    print(
        f"chosen by backtest: Ky {arx.form.output_delays}, Kx {arx.form.input_delays}, dead time {arx.form.dead_time}"
    )
    narx = elman.NARX(1, 2, dead_time=2).fit(y[:cut], x[:cut], epochs=12)
    print(f"the network's free runs err {narx.metrics['network_error']:.0%} of the linear model's on held-back data")

    errors = {"AR": ar.evaluate(y[cut:])} | {n: m.evaluate(y[cut:], x[cut:]) for n, m in (("ARX", arx), ("NARX", narx))}
    for name, found in errors.items():
        print(f"{name:4} one step {found['one_step_rmse']:5.2f}   free run {found['free_run_rmse']:5.2f} degrees")

    narx.save("tank.elman")
    again = elman.load("tank.elman")
    state = again.read(y[cut : cut + 50], x[cut : cut + 50])  # a stream has gone on
    print(f"next, with the heater at 2: {again.predict(x=[2.0, 2.0, 2.0], state=state)[-1]:.1f} degrees")


if __name__ == "__main__":
    main()
