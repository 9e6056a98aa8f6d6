"""Workflows of the industrial agent: machines, their sensors and the technicians who keep them running."""

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
    Saga(
        "industrial.lubrificar_e_ajustar",
        "Lubrificar e ajustar",
        "Books a technician and opens the work order; the machine keeps running.",
        (booking("technician_slots", 24), message("cmms", "open_work_order", kind="lubrication")),
    ),
    Saga(
        "industrial.programar_manutencao",
        "Programar manutenção",
        "Books the maintenance budget, opens the work order for the week and orders the parts.",
        (
            booking("maintenance_brl", 15_000, of_cost=True),
            message("cmms", "open_work_order", kind="planned_maintenance", within_days=7),
            message("stores", "reserve_parts", kind="maintenance_kit"),
        ),
    ),
    Saga(
        "industrial.antecipar_manutencao",
        "Antecipar manutenção",
        "Books the maintenance budget and a technician, opens the work order for 48 hours, reserves the parts and tells the shift.",
        (
            booking("maintenance_brl", 15_000, of_cost=True),
            booking("technician_slots", 24),
            message("cmms", "open_work_order", kind="urgent_maintenance", within_days=2),
            message("stores", "reserve_parts", kind="maintenance_kit"),
            message("shift", "tell_shift", template="aviso_manutencao"),
        ),
    ),
    Saga(
        "industrial.verificar_comunicacao",
        "Verificar comunicação do sensor",
        "Opens a work order to check the sensor's line and marks its readings as incomplete.",
        (message("cmms", "open_work_order", kind="sensor_line"), message("historian", "mark_readings", quality="incomplete")),
    ),
    Saga(
        "industrial.recalibrar_sensor",
        "Recalibrar sensor",
        "Books a technician, opens the work order and marks the sensor's readings as uncertain until then.",
        (
            booking("technician_slots", 24),
            message("cmms", "open_work_order", kind="sensor_calibration"),
            message("historian", "mark_readings", quality="uncertain"),
        ),
    ),
    Saga(
        "industrial.trocar_sensor",
        "Trocar sensor",
        "Books a technician, reserves the part, opens the work order and marks the sensor's readings as bad until then.",
        (
            booking("technician_slots", 24),
            message("stores", "reserve_parts", kind="sensor"),
            message("cmms", "open_work_order", kind="sensor_replacement"),
            message("historian", "mark_readings", quality="bad"),
        ),
    ),
)
