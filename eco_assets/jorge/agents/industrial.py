"""Workflows of the industrial agent: machines, their sensors and the technicians who keep them running."""

from __future__ import annotations

from eco_assets.jorge.agents.inputs import MachineInput
from eco_assets.jorge.steps import booking, document, machine_command, message, task, upsert, webhook
from eco_assets.jorge.workflow import Approval, Workflow

STOPPED, PLANNED = "industrial.maquina_parada", "industrial.manutencao_programada"

MACHINES = (
    Workflow(
        "industrial.ajustar_setpoint",
        "Ajustar ponto de operação",
        "Sends the machine a slightly lower set-point and tells the historian and the shift; undone, the set-point goes back.",
        (
            machine_command("adjust_set_point", "set_point", value=0.9, undo_value=1.0),
            message("historian", "mark_readings", quality="adjusted"),
            message("shift", "tell_shift", template="aviso_ajuste"),
        ),
        MachineInput,
        slo_s=120,
        priority=5,
    ),
    Workflow(
        "industrial.inspecionar",
        "Inspecionar máquina",
        "Books a technician, opens a work order and tells the shift.",
        (
            booking("technician_slots", 24),
            message("cmms", "open_work_order", kind="inspection"),
            message("shift", "tell_shift", template="aviso_inspecao"),
        ),
        MachineInput,
    ),
    Workflow(
        "industrial.reduzir_carga",
        "Reduzir carga",
        "Sends a lower load to the machine and opens a work order; undone, the load goes back.",
        (
            machine_command("lower_set_point", "load", value=0.6, undo_value=1.0),
            message("cmms", "open_work_order", kind="load_review"),
        ),
        MachineInput,
        slo_s=120,
        priority=3,
        emits=("industrial.carga_reduzida",),
    ),
    Workflow(
        "industrial.parar_maquina",
        "Parar máquina",
        "Books a technician, stops the machine, opens an urgent work order and pages the supervisor; a person agrees first.",
        (
            booking("technician_slots", 24),
            machine_command("stop", "stop", undo_command="release"),
            message("cmms", "open_work_order", kind="urgent_repair"),
            message("shift", "page_supervisor", template="parada_maquina"),
        ),
        MachineInput,
        approval=Approval(above_brl=2_000),
        slo_s=60,
        priority=1,
        emits=(STOPPED,),
    ),
    Workflow(
        "industrial.colocar_lote_em_quarentena",
        "Colocar lote em quarentena",
        "Blocks what the machine made since its readings changed, in plant and warehouse, and has quality sample it; undone, it is free.",
        (
            message("mes", "block_lot", kind="quarantine"),
            message("wms", "block_shipping", kind="quarantine"),
            task("take_samples", "Amostrar o lote da máquina {subject}", role="qualidade", due_days=1),
        ),
        MachineInput,
        slo_s=120,
        priority=2,
        listens=(STOPPED,),
    ),
    Workflow(
        "industrial.abrir_incidente",
        "Abrir incidente de segurança",
        "Opens the incident in the safety register, files its first report and has somebody investigate.",
        (
            message("safety", "open_incident", kind="machine_stop", severity="high"),
            document("file_report", "incidentes/{day}-{short}.md", template="incidente_seguranca"),
            task("investigate", "Investigar a parada de {subject}", role="segurança do trabalho", due_days=2),
        ),
        MachineInput,
        slo_s=120,
        priority=2,
        listens=(STOPPED,),
        emits=("industrial.incidente_aberto",),
    ),
    Workflow(
        "industrial.acionar_supervisor",
        "Acionar supervisor de turno",
        "Pages the supervisor by a signed event and writes the call into the shift's log.",
        (
            webhook("page", "pager", event="supervisor_needed", machine="{subject}"),
            message("shift", "log_call", kind="supervisor_call"),
        ),
        MachineInput,
        slo_s=60,
        priority=1,
        listens=("industrial.carga_reduzida", "industrial.incidente_aberto"),
    ),
)

MAINTENANCE = (
    Workflow(
        "industrial.lubrificar_e_ajustar",
        "Lubrificar e ajustar",
        "Books a technician and opens the work order; the machine keeps running.",
        (booking("technician_slots", 24), message("cmms", "open_work_order", kind="lubrication")),
        MachineInput,
    ),
    Workflow(
        "industrial.programar_manutencao",
        "Programar manutenção",
        "Books the maintenance budget, opens the work order for the week and reserves the parts.",
        (
            booking("maintenance_brl", 15_000, of_cost=True),
            message("cmms", "open_work_order", kind="planned_maintenance", within_days=7),
            message("stores", "reserve_parts", kind="maintenance_kit"),
        ),
        MachineInput,
        emits=(PLANNED,),
    ),
    Workflow(
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
        MachineInput,
        approval=Approval(above_brl=1_500, escalate_to="gerência de manutenção", escalate_after_h=8),
        priority=5,
        emits=(PLANNED,),
    ),
    Workflow(
        "industrial.pedir_peca",
        "Pedir peça de reposição",
        "Asks purchasing for the part that the planned maintenance takes from the shelf and notes it on the work order.",
        (
            upsert(
                "request_part",
                "erp",
                "requisitions",
                match={"request_id": "{short}"},
                values={"item": "kit de manutenção", "for": "{subject}"},
            ),
            message("cmms", "note_order", kind="part_ordered"),
        ),
        MachineInput,
        slo_s=900,
        listens=(PLANNED,),
    ),
    Workflow(
        "industrial.encerrar_ordem",
        "Encerrar ordem de serviço",
        "Closes the work order of a line that was checked from afar and files what was found; undone, the order is open again.",
        (
            document("file_findings", "ordens/{day}-{short}.md", template="ordem_encerrada"),
            message("cmms", "close_work_order", kind="closed"),
        ),
        MachineInput,
        slo_s=1800,
        priority=20,
        listens=("industrial.linha_verificada",),
    ),
)

SENSORS = (
    Workflow(
        "industrial.verificar_comunicacao",
        "Verificar comunicação do sensor",
        "Opens a work order for the sensor's line, asks the gateway to test it and marks its readings as incomplete.",
        (
            message("cmms", "open_work_order", kind="sensor_line"),
            machine_command("test_line", "self_test"),
            message("historian", "mark_readings", quality="incomplete"),
        ),
        MachineInput,
        emits=("industrial.linha_verificada",),
    ),
    Workflow(
        "industrial.recalibrar_sensor",
        "Recalibrar sensor",
        "Books a technician, opens the work order and marks the sensor's readings as uncertain until then.",
        (
            booking("technician_slots", 24),
            message("cmms", "open_work_order", kind="sensor_calibration"),
            message("historian", "mark_readings", quality="uncertain"),
        ),
        MachineInput,
    ),
    Workflow(
        "industrial.trocar_sensor",
        "Trocar sensor",
        "Books a technician, reserves the part, opens the work order and marks the sensor's readings as bad until then.",
        (
            booking("technician_slots", 24),
            message("stores", "reserve_parts", kind="sensor"),
            message("cmms", "open_work_order", kind="sensor_replacement"),
            message("historian", "mark_readings", quality="bad"),
        ),
        MachineInput,
        approval=Approval(above_brl=350, escalate_to="gerência de manutenção"),
    ),
    Workflow(
        "industrial.rever_limite_alarme",
        "Rever limite de alarme",
        "Proposes another alarm threshold to the engineers and holds the old one's alarms until they have looked; undone, they ring again.",
        (
            message("historian", "hold_alarm", kind="shelved_alarm", days=3),
            task("review_threshold", "Rever o limite de alarme de {subject}", role="engenharia de confiabilidade", due_days=3),
        ),
        MachineInput,
        slo_s=900,
    ),
)

WORKFLOWS = (*MACHINES, *MAINTENANCE, *SENSORS)
