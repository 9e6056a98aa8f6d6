"""Realistic pages in Portuguese, questions about them with the pages that answer each, and generated pages to hide them among.

The labels were given by reading the pages, before any search was run; some questions use a word that no page has (`sinônimo`).
"""

from __future__ import annotations

import random
from pathlib import Path

# path: (title, kind, agent, day, text)
PAGES = {
    "relatorios/2026-09-01/comercial.md": (
        "Relatório diário – Comercial – 1 de setembro de 2026", "relatorio_diario", "comercial", "2026-09-01",
        "O agente Comercial tomou **29 decisões**. Dois contatos vindos de busca orgânica foram encaminhados a um SDR; os demais serão "
        "nutridos por e-mail. A probabilidade média de conversão caiu para 10,4%."),
    "relatorios/2026-09-01/varejo.md": (
        "Relatório diário – Varejo – 1 de setembro de 2026", "relatorio_diario", "varejo", "2026-09-01",
        "Aumentou o número de pedidos entregues com atraso no Nordeste. A transportadora Rota Sul foi avisada e os compradores receberam "
        "um cupom de desculpas. Nenhuma categoria ficou sem estoque."),
    "relatorios/2026-09-01/industrial.md": (
        "Relatório diário – Industrial – 1 de setembro de 2026", "relatorio_diario", "industrial", "2026-09-01",
        "A bomba 3 vibrou acima do limite por duas horas. Recomendamos reduzir a carga e antecipar a manutenção preventiva do rolamento."),
    "relatorios/2026-09-01/agencia.md": (
        "Relatório diário – Agência – 1 de setembro de 2026", "relatorio_diario", "agencia", "2026-09-01",
        "O custo por clique subiu 18% na campanha de volta às aulas. Foi proposto remanejar verba do canal Display para Busca."),
    "relatorios/2026-09-01/mega-agente.md": (
        "Plano do dia do mega-agente – 1 de setembro de 2026", "plano_do_mega_agente", "", "2026-09-01",
        "O fornecedor de válvulas falhou na entrega. Objetivos: recompor o estoque, avisar os clientes afetados e proteger a margem. "
        "Dois conflitos entre agentes aguardam escolha de uma pessoa."),
    "decisoes/2026-09-02/comercial.md": (
        "Registro de decisões – Comercial – 2 de setembro de 2026", "registro_de_decisoes", "comercial", "2026-09-02",
        "| Código | Ação |\n| --- | --- |\n| 9b885c9e | Agendar ligação com um vendedor |\n| 4a851796 | Descartar o contato |"),
    "decisoes/2026-09-02/varejo.md": (
        "Registro de decisões – Varejo – 2 de setembro de 2026", "registro_de_decisoes", "varejo", "2026-09-02",
        "Reembolso aprovado por Ana: o cliente devolveu uma geladeira avariada. Custo de R$ 1.899,00, acima do limite."),
    "decisoes/2026-09-02/agencia.md": (
        "Registro de decisões – Agência – 2 de setembro de 2026", "registro_de_decisoes", "agencia", "2026-09-02",
        "Pausar anúncios com frequência alta. Público de aposentados: ligar. O orçamento diário das campanhas não foi excedido."),
    "modelos/lead_conversion.md": (
        "Cartão de modelo – Conversão de contatos", "cartao_de_modelo", "comercial", "2026-08-30",
        "Gradiente impulsionado com LightGBM, calibrado por regressão isotônica. AUC de 0,74 no período de teste. Não usar para recusar "
        "crédito. Viés medido por origem do contato."),
    "modelos/varejo_review_sentiment.md": (
        "Cartão de modelo – Sentimento das avaliações", "cartao_de_modelo", "varejo", "2026-08-30",
        "Classifica comentários de compradores em positivos, neutros e negativos. Erra com ironia e com textos muito curtos."),
    "modelos/demand_forecast.md": (
        "Cartão de modelo – Previsão de demanda", "cartao_de_modelo", "varejo", "2026-08-29",
        "Séries temporais por categoria com feriados brasileiros e sazonalidade anual. Erro absoluto médio de 12,3% em quatro semanas."),
    "modelos/machine_anomaly.md": (
        "Cartão de modelo – Anomalias de máquinas", "cartao_de_modelo", "industrial", "2026-08-28",
        "Detecta desvios em temperatura, pressão e vibração dos sensores. Alarme falso em 2% das horas normais."),
    "catalogo/raw/varejo/orders.md": (
        "raw.varejo.orders", "conjunto_de_dados", "", "2026-09-01",
        "Pedidos da loja, um por linha. Colunas: `order_id`, `customer_id`, `order_purchase_timestamp`. Dono: equipe de varejo. Contém "
        "identificadores pseudonimizados."),
    "catalogo/raw/comercial/leads.md": (
        "raw.comercial.leads", "conjunto_de_dados", "", "2026-09-01",
        "Contatos comerciais qualificados. Colunas: `mql_id`, `first_contact_date`, `landing_page_id`, `origin`. Periodicidade diária."),
    "catalogo/marts/industrial/maintenance.md": (
        "marts.industrial.maintenance", "conjunto_de_dados", "", "2026-09-01",
        "Base de decisão da manutenção: horas de uso, última revisão e risco de quebra de cada equipamento. Linhagem até os sensores."),
    "catalogo/index.md": (
        "Catálogo de dados", "catalogo", "", "",
        "Todos os conjuntos de dados por camada, com classificação, dono e contrato. Dados pessoais são mascarados nas amostras."),
    "adr/0001-lago-de-dados.md": (
        "ADR 1 – Lago de dados em DuckLake", "adr", "", "2026-03-10",
        "Contexto: precisamos de transações e viagem no tempo. Decisão: DuckLake com catálogo em SQLite. Consequências: um escritor "
        "de cada vez; backup simples."),
    "adr/0002-motor-duravel.md": (
        "ADR 2 – Execução durável das ações", "adr", "", "2026-03-18",
        "As ações externas usam sagas com compensação: se um passo falha, os anteriores são desfeitos. Idempotência por chave."),
    "adr/0003-folha-de-aprovacao.md": (
        "ADR 3 – Aprovação humana", "adr", "", "2026-04-02",
        "Uma aprovação só vale para o conteúdo exato que foi proposto e vinda de pessoa listada. Alterar o documento a invalida."),
    "adr/0004-privacidade.md": (
        "ADR 4 – Privacidade e LGPD", "adr", "", "2026-04-20",
        "Nome, telefone e CPF nunca chegam às páginas. Textos livres de consumidores são omitidos. Retenção de vinte e quatro meses."),
    "propostas/marketing/rede-aurora.md": (
        "Proposta de marketing – Rede Aurora", "proposta", "agencia", "2026-08-15",
        "Escopo: mídia paga e conteúdo por seis meses. Investimento mensal de R$ 38.000,00, com remuneração variável pelo resultado. "
        "Condições de pagamento em trinta dias."),
    "propostas/consultoria/metalurgica-vale.md": (
        "Proposta de consultoria – Metalúrgica Vale", "proposta", "industrial", "2026-08-20",
        "Diagnóstico da produtividade da linha de usinagem, treinamento dos operadores e redução de paradas não planejadas."),
    "propostas/financeiro/cooperativa-sol.md": (
        "Proposta financeira – Cooperativa Sol", "proposta", "comercial", "2026-08-22",
        "Financiamento de capital de giro com garantia de recebíveis. Taxa de juros de 1,9% ao mês, carência de três meses."),
    "riscos/registro.md": (
        "Registro de riscos", "registro_de_riscos", "", "2026-08-31",
        "Risco 1: dependência de um único fornecedor de embalagens. Risco 2: inadimplência de varejistas pequenos. Risco 3: vazamento de "
        "credenciais. Mitigação e responsável de cada um."),
    "incidentes/2026-08-12-fila-parada.md": (
        "Análise pós-incidente – Fila parada em 12 de agosto", "pos_incidente", "", "2026-08-12",
        "Causa raiz: disco cheio. As remessas ficaram em quarentena por cinco horas. Lição: alerta de espaço livre mais cedo."),
    "incidentes/2026-08-25-precos-errados.md": (
        "Análise pós-incidente – Preços errados em 25 de agosto", "pos_incidente", "varejo", "2026-08-25",
        "Um arquivo com vírgula decimal trocada multiplicou preços por cem. O contrato recusou metade das linhas; recarregado depois."),
    "componentes/aurion.md": (
        "Componente – Aurion, ingestão de dados", "componente", "", "2026-07-01",
        "Conectores, contratos e quarentena. Objetivo de nível de serviço: 99,5% das remessas carregadas em trinta minutos. Plantão: "
        "equipe de dados."),
    "componentes/jorge.md": (
        "Componente – Jorge, execução de fluxos", "componente", "", "2026-07-01",
        "Executa fluxos de trabalho com retomada após queda. Runbook: reiniciar o serviço, verificar mensagens presas na caixa de saída."),
    "custos/2026-08.md": (
        "Custo mensal dos agentes – agosto de 2026", "custo_dos_agentes", "", "2026-08-31",
        "Gasto com modelos de linguagem: US$ 41,20. Computação e armazenamento: R$ 312,00. O agente Varejo respondeu pela maior parcela."),
    "relatorios/semana-35/comercial.md": (
        "Relatório semanal – Comercial – semana 35", "relatorio_semanal", "comercial", "2026-08-30",
        "As vendas cresceram 7%. Vendedores com carteira maior converteram menos. Recomenda-se redistribuir os contatos por região."),
    "relatorios/semana-35/industrial.md": (
        "Relatório semanal – Industrial – semana 35", "relatorio_semanal", "industrial", "2026-08-30",
        "A disponibilidade das prensas chegou a 96%. Três paradas por superaquecimento do motor. Consumo de energia estável."),
    "reunioes/2026-08-19-comite.md": (
        "Ata do comitê de crédito", "ata", "", "2026-08-19",
        "Presentes discutiram limites para clientes inadimplentes e a renegociação de dívidas vencidas. Próxima reunião em setembro."),
}  # fmt: skip

# question: names of the pages that answer it
QUERIES = {
    "decisões do comercial": ("decisoes/2026-09-02/comercial.md", "relatorios/2026-09-01/comercial.md"),
    "decisao varejo reembolso": ("decisoes/2026-09-02/varejo.md",),
    "entregas atrasadas": ("relatorios/2026-09-01/varejo.md",),
    "atraso da transportadora": ("relatorios/2026-09-01/varejo.md",),
    "cupom desculpa comprador": ("relatorios/2026-09-01/varejo.md",),
    "vibração da bomba": ("relatorios/2026-09-01/industrial.md",),
    "vibracao dos sensores": ("modelos/machine_anomaly.md",),
    "manutenções preventivas": ("relatorios/2026-09-01/industrial.md",),
    "reduziu a carga": ("relatorios/2026-09-01/industrial.md",),
    "custo por clique": ("relatorios/2026-09-01/agencia.md",),
    "remanejamento de verbas": ("relatorios/2026-09-01/agencia.md",),
    "campanha de volta às aulas": ("relatorios/2026-09-01/agencia.md",),
    "falha de fornecedores": ("relatorios/2026-09-01/mega-agente.md",),
    "fornecedor único": ("riscos/registro.md",),
    "conflitos entre agentes": ("relatorios/2026-09-01/mega-agente.md",),
    "plano do mega-agente": ("relatorios/2026-09-01/mega-agente.md",),
    "9b885c9e": ("decisoes/2026-09-02/comercial.md",),
    "ligar para o vendedor": ("decisoes/2026-09-02/comercial.md",),
    "produto devolvido": ("decisoes/2026-09-02/varejo.md",),
    "devolução geladeira": ("decisoes/2026-09-02/varejo.md",),
    "aposentados": ("decisoes/2026-09-02/agencia.md",),
    "orcamento diario": ("decisoes/2026-09-02/agencia.md",),
    "modelo de conversão": ("modelos/lead_conversion.md",),
    "calibração isotônica": ("modelos/lead_conversion.md",),
    "sentimento em comentários negativos": ("modelos/varejo_review_sentiment.md",),
    "prever demanda sazonal": ("modelos/demand_forecast.md",),
    "erro médio da previsão": ("modelos/demand_forecast.md",),
    "alarmes falsos de sensor": ("modelos/machine_anomaly.md",),
    "first_contact_date": ("catalogo/raw/comercial/leads.md",),
    "raw.varejo.orders": ("catalogo/raw/varejo/orders.md",),
    "risco de quebra do equipamento": ("catalogo/marts/industrial/maintenance.md",),
    "dados pessoais mascarados": ("catalogo/index.md",),
    "por que DuckLake": ("adr/0001-lago-de-dados.md",),
    "sagas compensação": ("adr/0002-motor-duravel.md",),
    "quem pode aprovar uma proposta": ("adr/0003-folha-de-aprovacao.md",),
    "LGPD telefone CPF": ("adr/0004-privacidade.md",),
    "retenção de dados de consumidor": ("adr/0004-privacidade.md",),
    "investimento mensal mídia": ("propostas/marketing/rede-aurora.md",),
    "proposta metalurgica": ("propostas/consultoria/metalurgica-vale.md",),
    "treinar operadores": ("propostas/consultoria/metalurgica-vale.md",),
    "taxas de juros": ("propostas/financeiro/cooperativa-sol.md",),
    "clientes inadimplentes": ("reunioes/2026-08-19-comite.md", "riscos/registro.md"),
    "dívida vencida renegociar": ("reunioes/2026-08-19-comite.md",),
    "disco cheio": ("incidentes/2026-08-12-fila-parada.md",),
    "post-mortem preço errado": ("incidentes/2026-08-25-precos-errados.md",),
    '"preços por cem"': ("incidentes/2026-08-25-precos-errados.md",),
    "SLO da ingestão": ("componentes/aurion.md",),
    "reinicie o serviço": ("componentes/jorge.md",),
    "gastos com modelos de linguagem": ("custos/2026-08.md",),
    "crescimento de vendas": ("relatorios/semana-35/comercial.md",),
    "prensas disponíveis": ("relatorios/semana-35/industrial.md",),
    "superaquec*": ("relatorios/semana-35/industrial.md",),
    "motor quente": ("relatorios/semana-35/industrial.md",),  # sinônimo
    "frete demorado": ("relatorios/2026-09-01/varejo.md",),  # sinônimo: nothing in common with the page
}

_AGENTS = ("comercial", "varejo", "industrial", "agencia")
_FIELD = (
    "contato pedido máquina público categoria cliente bomba campanha fornecedor loja região turno lote carteira canal produto "
    "avaliado atendido recusado encaminhado revisto aprovado corrigido adiado planejado medido acompanhado cancelado valor "
    "esperado conversão custo margem entrega prazo qualidade estoque demanda receita orçamento equipe semana meta desvio "
    "risco indicador variação média limite política aprovação execução registro modelo confiança histórico anúncio clique "
    "verba sensor pressão temperatura peça rolamento vibração manutenção inspeção transportadora frete atraso reclamação "
    "avaliação comentário cupom troca vendedor visita proposta contrato desconto parcela juros crédito cobrança fatura "
)
WORDS = _FIELD.split()
_INVENTED = 8_000  # further words: a language has more of them than a benchmark


def vocabulary() -> tuple[list[str], list[float]]:
    """Words and how often each is said, as Zipf found; words of the field are among the first 1,000."""
    draw = random.Random(3)
    heads = [a + b for a in "bcdfglmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "ol")]
    ends = ("ção", "mento", "dor", "ar", "ado", "ões", "idade", "ista", "o", "a", "os", "as")
    invented = ["".join(draw.choices(heads, k=draw.choice((2, 2, 3)))) + draw.choice(ends) for _ in range(_INVENTED)]
    first = [*WORDS, *invented[: 1000 - len(WORDS)]]
    draw.shuffle(first)
    words = [*first, *invented[1000 - len(WORDS) :]]
    return words, [1 / (rank + 10) for rank in range(len(words))]


def write_pages(folder: Path) -> None:
    """The labelled pages as the platform writes them."""
    for path, (title, kind, agent, day, body) in PAGES.items():
        about = (f"agente: {agent}\n" if agent else "") + (f"data: {day}\n" if day else "")
        _put(folder / path, f"---\n{about}tipo: {kind}\n---\n\n# {title}\n\n{body}\n")


def write_others(folder: Path, count: int) -> None:
    """Generated pages of about 60 words: words of the same field among many others."""
    draw = random.Random(11)
    words, weights = vocabulary()
    for number in range(count):
        agent, day = draw.choice(_AGENTS), f"20{draw.randint(19, 25)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        said = draw.choices(words, weights=weights, k=48)
        sentences = [f"O {' '.join(said[start : start + 3])} da {' '.join(said[start + 3 : start + 8])}." for start in range(4, 44, 8)]
        text = f"---\nagente: {agent}\ndata: {day}\ntipo: nota\n---\n\n# {' '.join(said[:4]).capitalize()}\n\n{' '.join(sentences)}\n"
        _put(folder / f"notas/{number // 1000:03}/{number}.md", text)


def recall_at(found: list[str], relevant: tuple[str, ...], limit: int = 10) -> float:
    """The share of the relevant pages among the first `limit`."""
    return len(set(found[:limit]) & set(relevant)) / len(relevant)


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
