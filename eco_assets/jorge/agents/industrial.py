"""Workflows of the industrial agent: machines and the technicians who keep them running."""

from __future__ import annotations

from eco_assets.jorge.saga import Saga, booking, message

SAGAS = (
    Saga(
        "industrial.inspecionar",
        "Inspecionar máquina",
        "Books a technician, opens a work order and tells the shift.",
        (
            booking("technician_slots", 24),
            message("cmms", "open_work_order", kind="inspection"),
            message("shift", "tell_shift", template="aviso_inspecao"),
        ),
    ),
    Saga(
        "industrial.reduzir_carga",
        "Reduzir carga",
        "Sends a lower set-point to the machine and opens a work order; undone, the set-point goes back.",
        (message("machine", "lower_set_point", command="load", value=0.6), message("cmms", "open_work_order", kind="load_review")),
    ),
    Saga(
        "industrial.parar_maquina",
        "Parar máquina",
        "Books a technician, stops the machine, opens an urgent work order and pages the supervisor.",
        (
            booking("technician_slots", 24),
            message("machine", "stop", command="stop"),
            message("cmms", "open_work_order", kind="urgent_repair"),
            message("shift", "page_supervisor", template="parada_maquina"),
        ),
    ),
)
